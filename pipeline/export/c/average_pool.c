/* The mean of the integers in each window, halves rounded away from zero. */
static void checkreader_average_pool(
    const uint8_t *in, int width, int channels, int window, int stride, int rows, int columns, uint8_t *out)
{
    const int area = window * window;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            for (int c = 0; c < channels; c++) {
                int sum = 0;
                for (int v = 0; v < window; v++)
                    for (int u = 0; u < window; u++)
                        sum += in[((y * stride + v) * width + x * stride + u) * channels + c] - 128;
                *out++ = (uint8_t)((sum + (sum < 0 ? -area / 2 : area / 2)) / area + 128);
            }
        }
    }
}
