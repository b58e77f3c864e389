/* Convolution, ReLU and the maximum of 2x2 pixels, which is taken over their sums. */
static void checkreader_convolution_max_pool(
    const uint8_t *in, int width, int channels, int window, int stride, int rows, int columns, int filters,
    const int8_t *weights, const int32_t *bias, const int32_t *multipliers, const uint8_t *shifts,
    uint8_t *patches, uint8_t *out)
{
    const int line = width * channels, taps = window * window * channels;
    for (int cell = 0; cell < rows * columns; cell++) {
        for (int i = 0; i < 4; i++) {
            const int y = (cell / columns * 2 + i / 2) * stride, x = (cell % columns * 2 + i % 2) * stride;
            checkreader_gather(in + y * line + x * channels, line, window, window * channels,
                               patches + i * CHECKREADER_PATCH);
        }
        for (int filter = 0; filter < filters; filter++) {
            int32_t sums[4];
            checkreader_products(patches, weights + filter * taps, taps, sums);
            int32_t best = sums[0];
            for (int i = 1; i < 4; i++)
                best = sums[i] > best ? sums[i] : best;
            *out++ = checkreader_requantized(best + bias[filter], multipliers[filter], shifts[filter]);
        }
    }
}
