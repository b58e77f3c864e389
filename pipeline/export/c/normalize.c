/* Normalizes one digit: gray levels of any size from 1x1 -> the network's 28x28 input, in integers alone.
   The comments number the steps of the specification in serving/images/digit.py. */

enum { CHECKREADER_SIDE = 28, CHECKREADER_BODY = 20, CHECKREADER_WORK = 128 };
enum { CHECKREADER_AREA = CHECKREADER_WORK * CHECKREADER_WORK, CHECKREADER_MAX_SIZE = 1 << 30 };

/* The picture and a copy are needed until the ink is known, then the stack, and at last the digit scaled along rows. */
static union {
    struct {
        uint8_t work[CHECKREADER_AREA];
        uint8_t copy[CHECKREADER_AREA];
    } pictures;
    uint16_t stack[CHECKREADER_AREA];
    uint8_t across[CHECKREADER_WORK * CHECKREADER_BODY];
} checkreader_memory;
static uint8_t checkreader_ink[CHECKREADER_AREA];
static uint8_t checkreader_inner[CHECKREADER_AREA];
static uint8_t checkreader_visited[CHECKREADER_AREA / 8]; /* one bit for each pixel */

static int64_t checkreader_divide(int64_t numerator, int64_t denominator)
{
    return (numerator + denominator / 2) / denominator; /* rounds to nearest, for positive numbers */
}

static int checkreader_min(int a, int b) { return a < b ? a : b; }

static int checkreader_max(int a, int b) { return a > b ? a : b; }

/* Step 1: shrinks the picture; each block of pixels becomes its mean. */
static void checkreader_shrink(const uint8_t *gray, int width, int height, int stride, int block, uint8_t *work)
{
    for (int top = 0; top < height; top += block) {
        for (int left = 0; left < width; left += block) {
            const int bottom = checkreader_min(height - top, block) + top;
            const int right = checkreader_min(width - left, block) + left;
            int64_t sum = 0;
            for (int y = top; y < bottom; y++)
                for (int x = left; x < right; x++)
                    sum += gray[(int64_t)y * stride + x];
            *work++ = (uint8_t)checkreader_divide(sum, (int64_t)(bottom - top) * (right - left));
        }
    }
}

/* Step 2: the skewness along lines, in 1024ths, of deviations from means, or if reach = 0 from the lines' ends. */
static int64_t checkreader_skewness(const uint8_t *pixels, int length, int step, int lines, int next, int reach)
{
    const int every = (checkreader_max(length, lines) + 63) / 64;
    int64_t cubes = 0, sizes = 0;
    for (int line = 0; line < lines; line += every) {
        const uint8_t *const from = pixels + line * next;
        int32_t sums[CHECKREADER_WORK + 1] = {0};
        for (int i = 0; i < length; i++)
            sums[i + 1] = sums[i] + from[i * step];
        for (int i = 0; i < length; i++) {
            const int side = checkreader_min(reach, checkreader_min(i, length - 1 - i));
            int32_t mean = (from[0] + from[(length - 1) * step]) / 2;
            if (reach > 0)
                mean = (sums[i + side + 1] - sums[i - side]) / (2 * side + 1);
            const int64_t d = from[i * step] - mean;
            cubes += d * d * d;
            sizes += d < 0 ? -d * d * d : d * d * d;
        }
    }
    if (sizes == 0)
        return 0;
    return cubes < 0 ? -(1024 * -cubes / sizes) : 1024 * cubes / sizes;
}

/* Step 2: inverts the picture if the ink is its lighter part. */
static void checkreader_dark_on_light(uint8_t *work, int width, int height)
{
    const int reach = (checkreader_max(width, height) + 3) / 4;
    const int64_t means = checkreader_skewness(work, width, 1, height, width, reach) +
                          checkreader_skewness(work, height, width, width, 1, reach);
    const int64_t ends = checkreader_skewness(work, width, 1, height, width, 0) +
                         checkreader_skewness(work, height, width, width, 1, 0);
    if (4 * means + ends > 0)
        for (int i = 0; i < width * height; i++)
            work[i] = (uint8_t)(255 - work[i]);
}

/* Steps 3 and 4: the maximum, or minimum, of up to 2 reach + 1 values along one axis. */
static void checkreader_extreme(
    const uint8_t *from, uint8_t *to, int length, int step, int lines, int next, int reach, int minimum)
{
    for (int line = 0; line < lines; line++) {
        for (int i = 0; i < length; i++) {
            const int last = checkreader_min(i + reach, length - 1);
            int best = from[line * next + i * step];
            for (int j = checkreader_max(i - reach, 0); j <= last; j++) {
                const int value = from[line * next + j * step];
                if (minimum ? value < best : value > best)
                    best = value;
            }
            to[line * next + i * step] = (uint8_t)best;
        }
    }
}

/* Step 4: closes one line with black beyond its ends; raises the pixels of `paper` to that. */
static void checkreader_close_line(const uint8_t *from, uint8_t *paper, int length, int step, int reach)
{
    uint8_t line[CHECKREADER_WORK], largest[CHECKREADER_WORK], least[CHECKREADER_WORK];
    for (int i = 0; i < length; i++)
        line[i] = from[i * step];
    checkreader_extreme(line, largest, length, 1, 1, 0, reach, 0);
    checkreader_extreme(largest, least, length, 1, 1, 0, reach, 1);
    /* Of the windows that lie partly beyond an end, the one that reaches up to the pixel has the least maximum. */
    for (int end = 0; end < 2; end++) {
        int maximum = 0;
        for (int i = 0; i < checkreader_min(reach, length); i++) {
            const int place = end ? length - 1 - i : i;
            maximum = checkreader_max(maximum, line[place]);
            least[place] = (uint8_t)checkreader_min(least[place], maximum);
        }
    }
    for (int i = 0; i < length; i++)
        paper[i * step] = (uint8_t)checkreader_max(paper[i * step], least[i]);
}

/* Step 4: how much darker than its paper a pixel is. */
static uint8_t checkreader_darkness(int pixel, int paper)
{
    const int darker = checkreader_max(paper - pixel, 0);
    return (uint8_t)checkreader_divide(255 * (int64_t)darker, checkreader_max(paper, 1));
}

/* Steps 2 to 6: polarity, paper, ink, threshold and contrast. Returns the contrast, 0 if it is less than the least. */
static int checkreader_find_ink(int width, int height, int least)
{
    uint8_t *const work = checkreader_memory.pictures.work, *const copy = checkreader_memory.pictures.copy;
    uint8_t *const ink = checkreader_ink, *const inner = checkreader_inner;
    const int reach = (checkreader_max(width, height) + 5) / 6, n = width * height;
    int32_t histogram[256] = {0};
    checkreader_dark_on_light(work, width, height);
    checkreader_extreme(work, copy, height, width, width, 1, reach, 0);
    checkreader_extreme(copy, ink, width, 1, height, width, reach, 0);
    checkreader_extreme(ink, copy, height, width, width, 1, reach, 1);
    checkreader_extreme(copy, ink, width, 1, height, width, reach, 1);
    for (int i = 0; i < n; i++)
        inner[i] = 0;
    for (int y = 0; y < height; y++)
        checkreader_close_line(work + y * width, inner + y * width, width, 1, reach);
    for (int x = 0; x < width; x++)
        checkreader_close_line(work + x, inner + x, height, width, reach);
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        ink[i] = checkreader_darkness(work[i], ink[i]);
        inner[i] = checkreader_darkness(work[i], inner[i]);
        histogram[ink[i]]++;
        sum += ink[i];
    }
    int64_t best = -1, n0 = 0, s0 = 0, below = 0, total = 0;
    for (int t = 0; t < 255; t++) {
        below += histogram[t];
        total += (int64_t)t * histogram[t];
        if (below == 0 || below == n)
            continue;
        const int64_t d = n * total - below * sum, spread = d < 0 ? -d : d;
        const int64_t variance = (spread / below) * (spread / (n - below));
        if (variance > best) {
            best = variance;
            n0 = below;
            s0 = total;
        }
    }
    const int contrast = best < 0 ? 0 : (int)((sum - s0) / (n - n0) - s0 / n0);
    if (contrast < least)
        return 0;
    int low = -1, high = -1;
    below = 0;
    for (int t = 0; high < 0; t++) {
        below += histogram[t];
        if (low < 0 && below >= (9 * n0 + 9) / 10)
            low = t;
        if (below - n0 >= (3 * (n - n0) + 3) / 4)
            high = t;
    }
    for (int i = 0; i < n; i++) {
        const int64_t level = checkreader_divide(255 * (int64_t)checkreader_max(ink[i] - low, 0), high - low);
        ink[i] = (uint8_t)(level < 255 ? level : 255);
    }
    return contrast;
}

static int checkreader_is_unvisited_ink(int pixel)
{
    return checkreader_ink[pixel] >= 64 && !(checkreader_visited[pixel / 8] >> pixel % 8 & 1);
}

/* Step 7: puts the indices of one component's pixels onto the stack, from the bottom. Returns their number. */
static int checkreader_component(int start, int width, int height, int64_t *weight, int *at_edge)
{
    uint16_t *const stack = checkreader_memory.stack;
    int count = 1;
    stack[0] = (uint16_t)start;
    checkreader_visited[start / 8] |= (uint8_t)(1 << start % 8);
    *weight = 0;
    *at_edge = 0;
    for (int done = 0; done < count; done++) {
        const int x = stack[done] % width, y = stack[done] / width;
        *weight += checkreader_inner[stack[done]];
        if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
            *at_edge = 1;
        for (int v = checkreader_max(y - 1, 0); v <= checkreader_min(y + 1, height - 1); v++) {
            for (int u = checkreader_max(x - 1, 0); u <= checkreader_min(x + 1, width - 1); u++) {
                const int i = v * width + u;
                if (checkreader_is_unvisited_ink(i)) {
                    checkreader_visited[i / 8] |= (uint8_t)(1 << i % 8);
                    stack[count++] = (uint16_t)i;
                }
            }
        }
    }
    return count;
}

/* Step 7: erases specks; `box` becomes left, top, right and bottom of the remaining ink. */
static void checkreader_body(int width, int height, int box[4])
{
    int64_t heaviest = -1, weight;
    int heaviest_at_edge = 0, at_edge;
    for (int i = 0; i < CHECKREADER_AREA / 8; i++)
        checkreader_visited[i] = 0;
    for (int i = 0; i < width * height; i++) {
        if (checkreader_is_unvisited_ink(i)) {
            checkreader_component(i, width, height, &weight, &at_edge);
            if (weight > heaviest) {
                heaviest = weight;
                heaviest_at_edge = at_edge;
            }
        }
    }
    for (int i = 0; i < CHECKREADER_AREA / 8; i++)
        checkreader_visited[i] = 0;
    box[0] = width;
    box[1] = height;
    box[2] = box[3] = 0;
    for (int i = 0; i < width * height; i++) {
        if (!checkreader_is_unvisited_ink(i))
            continue;
        const int count = checkreader_component(i, width, height, &weight, &at_edge);
        const int keep = weight * 16 >= heaviest && (heaviest_at_edge || !at_edge);
        for (int k = 0; k < count; k++) {
            const int pixel = checkreader_memory.stack[k], x = pixel % width, y = pixel / width;
            if (!keep) {
                checkreader_ink[pixel] = 0;
                continue;
            }
            box[0] = checkreader_min(box[0], x);
            box[1] = checkreader_min(box[1], y);
            box[2] = checkreader_max(box[2], x + 1);
            box[3] = checkreader_max(box[3], y + 1);
        }
    }
}

/* Step 9: scales one line; returns pixel i of `to`, from `from` pixels that are `step` apart. */
static uint8_t checkreader_scaled(const uint8_t *pixels, int step, int from, int to, int i)
{
    int64_t sum = 0, weights = 0;
    for (int j = 0; j < from; j++) {
        const int d = (2 * i + 1) * from - (2 * j + 1) * to;
        const int weight = 2 * checkreader_max(from, to) - (d < 0 ? -d : d);
        if (weight > 0) {
            sum += (int64_t)weight * pixels[j * step];
            weights += weight;
        }
    }
    return (uint8_t)checkreader_divide(sum, weights);
}

/* Step 11: the offset along one axis that centers the mass. */
static int checkreader_offset(int64_t moment, int64_t mass, int length)
{
    const int64_t numerator = moment - CHECKREADER_SIDE * mass, denominator = 2 * mass;
    int64_t offset = numerator / denominator;
    if (numerator % denominator < 0)
        offset--;
    return checkreader_min(checkreader_max((int)-offset, 0), CHECKREADER_SIDE - length);
}

int checkreader_normalize(const uint8_t *gray, int width, int height, int stride, uint8_t out[784])
{
    for (int i = 0; i < CHECKREADER_SIDE * CHECKREADER_SIDE; i++)
        out[i] = 0;
    if (width < 1 || height < 1 || stride < width || width > CHECKREADER_MAX_SIZE || height > CHECKREADER_MAX_SIZE)
        return -1;
    int box[4], wide, high, longer;
    for (;;) {
        const int block = (checkreader_max(width, height) - 1) / CHECKREADER_WORK + 1;
        const int columns = (width - 1) / block + 1, rows = (height - 1) / block + 1;
        checkreader_shrink(gray, width, height, stride, block, checkreader_memory.pictures.work);
        const int contrast = checkreader_find_ink(columns, rows, block == 1 ? 32 : 4);
        if (contrast == 0)
            return 0;
        checkreader_body(columns, rows, box);
        wide = box[2] - box[0];
        high = box[3] - box[1];
        longer = checkreader_max(wide, high);
        if (block == 1 || longer >= 24) {
            if (contrast < 32)
                return 0;
            width = columns;
            break;
        }
        if (longer < 2)
            return 0;
        /* Step 8: the part of the picture around the digit. */
        const int margin = longer / 2 + 1;
        const int left = checkreader_max(box[0] - margin, 0), top = checkreader_max(box[1] - margin, 0);
        const int right = checkreader_min(box[2] + margin, columns), bottom = checkreader_min(box[3] + margin, rows);
        gray += (int64_t)top * block * stride + (int64_t)left * block;
        width = (right == columns ? width : right * block) - left * block;
        height = (bottom == rows ? height : bottom * block) - top * block;
    }
    const int columns = checkreader_max(1, (CHECKREADER_BODY * wide + longer / 2) / longer);
    const int rows = checkreader_max(1, (CHECKREADER_BODY * high + longer / 2) / longer);
    const uint8_t *const ink = checkreader_ink + box[1] * width + box[0];
    uint8_t *const across = checkreader_memory.across; /* [high][columns] */
    for (int y = 0; y < high; y++)
        for (int x = 0; x < columns; x++)
            across[y * columns + x] = checkreader_scaled(ink + y * width, 1, wide, columns, x);
    uint8_t body[CHECKREADER_BODY * CHECKREADER_BODY];
    int largest = 1;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            body[y * columns + x] = checkreader_scaled(across + x, columns, high, rows, y);
            largest = checkreader_max(largest, body[y * columns + x]);
        }
    }
    int64_t mass = 0, moment_x = 0, moment_y = 0;
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            const int level = (int)checkreader_divide(255 * (int64_t)body[y * columns + x], largest); /* step 10 */
            body[y * columns + x] = (uint8_t)level;
            mass += level;
            moment_x += (int64_t)level * (2 * x + 1);
            moment_y += (int64_t)level * (2 * y + 1);
        }
    }
    const int left = checkreader_offset(moment_x, mass, columns), top = checkreader_offset(moment_y, mass, rows);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            out[(top + y) * CHECKREADER_SIDE + left + x] = body[y * columns + x];
    return 1;
}
