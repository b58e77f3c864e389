/* Dense layer and ReLU, four outputs at a time. `step` is 1 where each output has a multiplier and a shift, else 0. */
static void checkreader_dense(
    uint8_t *in, int taps, int outputs, const int8_t *weights, const int32_t *bias, const int32_t *multipliers,
    const uint8_t *shifts, int step, uint8_t *out)
{
    checkreader_pad(in, taps);
    for (int output = 0; output < outputs; output += 4) {
        const int8_t *const weights0 = weights + output * taps, *const weights1 = weights0 + taps;
        const int8_t *const weights2 = weights1 + taps, *const weights3 = weights2 + taps;
        int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (int i = 0; i < CHECKREADER_PADDED(taps); i++) {
            sum0 += in[i] * weights0[i];
            sum1 += in[i] * weights1[i];
            sum2 += in[i] * weights2[i];
            sum3 += in[i] * weights3[i];
        }
        const int32_t sums[4] = {sum0, sum1, sum2, sum3};
        for (int i = 0; i < 4; i++) {
            const int scale = (output + i) * step;
            out[output + i] = checkreader_requantized(sums[i] + bias[output + i], multipliers[scale], shifts[scale]);
        }
    }
}

/* The last dense layer: its integers may be negative, and are rounded twice, halves up and then away from zero. */
static void checkreader_logits(
    uint8_t *in, int taps, int outputs, const int8_t *weights, const int32_t *bias, const int32_t *multipliers,
    const uint8_t *shifts, int step, int zero, int8_t *out)
{
    checkreader_pad(in, taps);
    for (int output = 0; output < outputs; output++) {
        const int shift = 32 + shifts[output * step];
        int32_t sum = bias[output];
        for (int i = 0; i < CHECKREADER_PADDED(taps); i++)
            sum += in[i] * weights[output * taps + i];
        int64_t product = (int64_t)sum * multipliers[output * step] + ((int64_t)1 << 30);
        product += ((int64_t)1 << (shift - 1)) - (product < 0 ? (int64_t)1 << 31 : 0);
        /* 2^62 makes it positive: how negative numbers are shifted is the compiler's choice. */
        const int value = (int)((uint64_t)(product + ((int64_t)1 << 62)) >> shift) - (1 << (62 - shift)) + zero;
        out[output] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}
