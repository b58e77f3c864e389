/* LeNet-5 in 8-bit integers. Written by checkreader 0.2.0 from a .tflite with the SHA-256
   094fb81b316c396cf97b48ebf0b7bccb19950a31057806c73d7acf9bd1709928.
   Constants 63,661 bytes, static RAM 2,688 bytes (the classifier's),
   187,656 multiply-accumulates a picture. */

#ifndef CHECKREADER_LENET5_INT8_H
#define CHECKREADER_LENET5_INT8_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef char checkreader_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* A bound on the share of errors among the accepted digits is in millionths: 10000 is 1 %. This is the one to ask for
   where none is wanted: 1 %, or the smallest certified one above it, up to 5 %. */
#define CHECKREADER_LENET5_MAX_ERROR 10000

/* A margin that no two logits have. */
#define CHECKREADER_LENET5_UNREACHABLE 256

/* For a caller with floating point: the probabilities are softmax(CHECKREADER_LENET5_SCALE * logits). */
#define CHECKREADER_LENET5_SCALE 0.200444757938385

/* Returns the digit in 28x28 pixels, 0 = paper and 255 = ink, normalized as below; the smallest of equally good ones.
   `logits` receives the network's logit of each digit. Not reentrant. */
int checkreader_lenet5_classify(const uint8_t pixels[784], int8_t logits[10]);

/* Returns the difference of the two best logits; -1 where the others are not low enough for a digit. */
int checkreader_lenet5_margin(const int8_t logits[10]);

/* Returns the margin from which a digit is accepted, without a human, where the bound `max_error` is wanted: that of the
   certified bound that is applied. CHECKREADER_LENET5_UNREACHABLE where there is none: nothing is accepted. */
int checkreader_lenet5_threshold(int32_t max_error);

/* Returns the certified bound that is applied: the largest that is not above `max_error`; 0 where there is none. */
int32_t checkreader_lenet5_applied(int32_t max_error);

/* Returns the certified bound at an index from 0, the smallest first; 0 after the last. */
int32_t checkreader_lenet5_bound(int index);

/* Normalizes a picture of one digit to the network's pixels: 8-bit gray levels, rows `stride` bytes apart, any size
   from 1x1, dark ink on light or light on dark. Returns 1; 0 if no ink was found, and -1 for an impossible size: then
   all pixels are paper, and there is no digit to classify. Not reentrant. Takes 64 KiB of static RAM, which a linker
   leaves out if nobody calls it (with -ffunction-sections -fdata-sections -Wl,--gc-sections). */
int checkreader_normalize(const uint8_t *gray, int width, int height, int stride, uint8_t out[784]);

#ifdef __cplusplus
}
#endif

#endif
