/* The largest of the integers in each window. */
static void checkreader_max_pool(
    const uint8_t *in, int width, int channels, int window_rows, int window_columns, int stride_rows,
    int stride_columns, int rows, int columns, int low, int high, uint8_t *out)
{
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            for (int c = 0; c < channels; c++) {
                int best = low + 128;
                for (int v = 0; v < window_rows; v++) {
                    for (int u = 0; u < window_columns; u++) {
                        const int row = y * stride_rows + v, column = x * stride_columns + u;
                        const int value = in[(row * width + column) * channels + c];
                        best = value > best ? value : best;
                    }
                }
                *out++ = (uint8_t)(best > high + 128 ? high + 128 : best);
            }
        }
    }
}
