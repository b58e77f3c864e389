/* Reads pictures of 784 pixels from standard input, and writes ten logits for each. */
#include <stdint.h>
#include <stdio.h>

#include "lenet5-int8.h"

int main(void)
{
    uint8_t pixels[784];
    int8_t logits[10];
    while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
        checkreader_lenet5_classify(pixels, logits);
        fwrite(logits, sizeof logits, 1, stdout);
    }
    return 0;
}
