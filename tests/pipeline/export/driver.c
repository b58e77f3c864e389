/* Reads pictures from standard input, each as width, height, stride, whether its pixels go to the network as they are,
   and its number of bytes (int32 each), then those, and writes for each
   what `checkreader_normalize` returned (one byte), 784 pixels, the digit, its margin over the second (int16, little
   endian) and ten logits. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lenet5-int8.h"

int main(void)
{
    int32_t size[5];
    while (fread(size, sizeof size, 1, stdin) == 1) {
        const size_t bytes = (size_t)size[4];
        uint8_t *const gray = malloc(bytes ? bytes : 1), pixels[784];
        int8_t logits[10];
        if (!gray || fread(gray, 1, bytes, stdin) != bytes)
            return 1;
        const int found = size[3] ? 1 : checkreader_normalize(gray, size[0], size[1], size[2], pixels);
        if (size[3])
            memcpy(pixels, gray, sizeof pixels);
        const int digit = checkreader_lenet5_classify(pixels, logits);
        const int margin = checkreader_lenet5_margin(logits);
        free(gray); /* the sanitizer has seen by now whether anybody read past it */
        putchar(found & 255);
        fwrite(pixels, 1, sizeof pixels, stdout);
        putchar(digit);
        putchar(margin & 255);
        putchar(margin >> 8);
        fwrite(logits, 1, sizeof logits, stdout);
    }
    return 0;
}
