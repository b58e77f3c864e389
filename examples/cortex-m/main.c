/* Reads digits on a bare Cortex-M: no operating system, no C library, output over semihosting.

       make run CPU=cortex-m3        in this folder, once `make edge-tools` has been run in the project's

   prints for each picture of pictures.h the digit, whether it may be taken without a human, and its logits. */

#include <stdint.h>

#include "lenet5-int8.h"
#include "pictures.h" /* const uint8_t pictures[COUNT][HEIGHT][WIDTH], gray levels */
#include "startup.h"

int main(void)
{
    static uint8_t pixels[784];
    const int threshold = checkreader_lenet5_threshold(CHECKREADER_LENET5_MAX_ERROR);
    for (int i = 0; i < COUNT; i++) {
        int8_t logits[10];
        char line[96], *end = line;
        const int found = checkreader_normalize(&pictures[i][0][0], WIDTH, HEIGHT, WIDTH, pixels) == 1;
        end = number(end, checkreader_lenet5_classify(pixels, logits));
        end = number(end, found && checkreader_lenet5_margin(logits) >= threshold);
        for (int digit = 0; digit < 10; digit++)
            end = number(end, logits[digit]);
        end[-1] = '\n';
        *end = 0;
        print(line);
    }
    return 0;
}
