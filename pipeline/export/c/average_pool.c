/* The mean of the integers in each window, halves rounded away from zero. */
static void checkreader_average_pool(
    const uint8_t *in, int width, int channels, int window_rows, int window_columns, int stride_rows,
    int stride_columns, int rows, int columns, int low, int high, uint8_t *out)
{
    const int count = window_rows * window_columns;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            for (int c = 0; c < channels; c++) {
                int sum = 0;
                for (int v = 0; v < window_rows; v++) {
                    for (int u = 0; u < window_columns; u++) {
                        const int row = y * stride_rows + v, column = x * stride_columns + u;
                        sum += in[(row * width + column) * channels + c] - 128;
                    }
                }
                const int mean = (sum + (sum < 0 ? -count / 2 : count / 2)) / count;
                *out++ = (uint8_t)((mean < low ? low : mean > high ? high : mean) + 128);
            }
        }
    }
}
