/* The layers. An activation is stored as its integer + 128, as pixels are: 0 stands for 0.0, and nothing is negative. */

/* Copies the pixels into a frame of zeros, so that no window reaches beyond it. */
static void checkreader_frame(const uint8_t *pixels, int rows, int columns, int above, int before, uint8_t *framed)
{
    for (int i = 0; i < rows * columns; i++)
        framed[i] = 0;
    for (int y = 0; y < 28; y++)
        for (int x = 0; x < 28; x++)
            framed[(y + above) * columns + before + x] = *pixels++;
}

/* Continues a vector with the zeros that its products need. */
static void checkreader_pad(uint8_t *vector, int taps)
{
    for (int i = taps; i < CHECKREADER_PADDED(taps); i++)
        vector[i] = 0;
}

/* max(sum, 0) * multiplier * 2^-(32 + shift), clamped. TensorFlow Lite Micro rounds twice, to multiples of 2^31 and of
   2^(32 + shift), and halves up where nothing is negative; one division with both halves added first is the same. */
static uint8_t checkreader_requantized(int32_t sum, int32_t multiplier, int shift)
{
    const uint64_t product = (uint64_t)(uint32_t)(sum < 0 ? 0 : sum) * (uint32_t)multiplier;
    const uint32_t high = (uint32_t)((product + ((uint32_t)1 << 30)) >> 32) + ((uint32_t)1 << (shift - 1));
    const uint32_t value = high >> shift;
    return (uint8_t)(value < 255 ? value : 255);
}

struct checkreader_word {
    uint8_t bytes[8];
};

/* Copies a window's rows, `line` bytes apart, in words. What a word has too much is overwritten by the next. */
static void checkreader_gather(const uint8_t *window, int line, int rows, int row_bytes, uint8_t *patch)
{
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < row_bytes; i += 8)
            *(struct checkreader_word *)(patch + row * row_bytes + i) =
                *(const struct checkreader_word *)(window + row * line + i);
    checkreader_pad(patch, rows * row_bytes);
}

/* A filter's products with four patches: each weight that is loaded serves four pixels. */
static void checkreader_products(const uint8_t *patches, const int8_t *weights, int taps, int32_t sums[4])
{
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    for (int i = 0; i < CHECKREADER_PADDED(taps); i++) {
        sum0 += patches[i] * weights[i];
        sum1 += patches[i + CHECKREADER_PATCH] * weights[i];
        sum2 += patches[i + 2 * CHECKREADER_PATCH] * weights[i];
        sum3 += patches[i + 3 * CHECKREADER_PATCH] * weights[i];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}
