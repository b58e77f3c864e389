/* The layers. Activations are stored as integer + 128, as pixels are. */

/* sum * multiplier * 2^(shift - 31), rounded twice as TensorFlow Lite Micro does
   (MultiplyByQuantizedMultiplier of gemmlowp), and clamped. */
static uint8_t checkreader_requantized(
    int32_t sum, int32_t multiplier, int shift, int32_t zero, int32_t low, int32_t high)
{
    const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)sum * ((int64_t)1 << left) * multiplier;
    const int64_t nudge = product < 0 ? 1 - ((int64_t)1 << 30) : (int64_t)1 << 30;
    const int32_t rounded = (int32_t)((product + nudge) / ((int64_t)1 << 31)); /* toward zero */
    const int32_t mask = (int32_t)(((int64_t)1 << right) - 1), rest = rounded & mask;
    int32_t value = (int32_t)((rounded - rest) / ((int64_t)1 << right));
    value += (rest > (mask >> 1) + (rounded < 0)) + zero;
    value = value < low ? low : value > high ? high : value;
    return (uint8_t)(value + 128);
}

/* Convolution; a dense layer is one of a single pixel. `patch` holds a filter's window, less the zero point. */
static void checkreader_convolution(
    const uint8_t *in, int height, int width, int channels, int input_zero,
    int window_rows, int window_columns, int stride_rows, int stride_columns, int above, int before,
    int rows, int columns, int filters, const int8_t *weights, const int32_t *bias,
    const int32_t *multipliers, const int8_t *shifts, int scales, int zero, int low, int high,
    int16_t *patch, uint8_t *out)
{
    const int taps = window_rows * window_columns * channels, run = window_columns * channels;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            for (int v = 0; v < window_rows; v++) {
                const int row = y * stride_rows + v - above, first = x * stride_columns - before;
                int16_t *const to = patch + v * run;
                if (row >= 0 && row < height && first >= 0 && first + window_columns <= width) {
                    const uint8_t *const from = in + (row * width + first) * channels;
                    for (int i = 0; i < run; i++)
                        to[i] = (int16_t)(from[i] - 128 - input_zero);
                    continue;
                }
                for (int u = 0; u < window_columns; u++) {
                    const int inside = row >= 0 && row < height && first + u >= 0 && first + u < width;
                    for (int c = 0; c < channels; c++)
                        to[u * channels + c] = inside
                            ? (int16_t)(in[(row * width + first + u) * channels + c] - 128 - input_zero)
                            : (int16_t)0;
                }
            }
            for (int filter = 0; filter < filters; filter++) {
                const int8_t *const weight = weights + filter * taps;
                const int scale = scales > 1 ? filter : 0;
                int32_t sum = bias[filter];
                for (int i = 0; i < taps; i++)
                    sum += patch[i] * weight[i];
                *out++ = checkreader_requantized(sum, multipliers[scale], shifts[scale], zero, low, high);
            }
        }
    }
}
