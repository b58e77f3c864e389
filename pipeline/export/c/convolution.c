/* Convolution and ReLU, four pixels at a time. */
static void checkreader_convolution(
    const uint8_t *in, int width, int channels, int window, int stride, int rows, int columns, int filters,
    const int8_t *weights, const int32_t *bias, const int32_t *multipliers, const uint8_t *shifts,
    uint8_t *patches, uint8_t *out)
{
    const int line = width * channels, taps = window * window * channels;
    for (int first = 0; first < rows * columns; first += 4) {
        const int count = rows * columns - first < 4 ? rows * columns - first : 4;
        for (int i = 0; i < count; i++) {
            const int y = (first + i) / columns * stride, x = (first + i) % columns * stride;
            checkreader_gather(in + y * line + x * channels, line, window, window * channels,
                               patches + i * CHECKREADER_PATCH);
        }
        for (int filter = 0; filter < filters; filter++) {
            int32_t sums[4];
            checkreader_products(patches, weights + filter * taps, taps, sums);
            for (int i = 0; i < count; i++)
                out[i * filters + filter] =
                    checkreader_requantized(sums[i] + bias[filter], multipliers[filter], shifts[filter]);
        }
        out += count * filters;
    }
}
