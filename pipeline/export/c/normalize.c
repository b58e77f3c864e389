/* Normalizes one digit: gray levels of any size from 1x1 -> the network's 28x28 input, in integers alone.
   The comments number the steps of the specification in serving/images/digit.py. */

enum { CHECKREADER_SIDE = 28, CHECKREADER_BODY = 20, CHECKREADER_WORK = 128 };
enum { CHECKREADER_AREA = CHECKREADER_WORK * CHECKREADER_WORK, CHECKREADER_MAX_SIZE = 1 << 30 };

/* The picture and a copy are needed until the ink is known, the stack afterwards. */
static union {
    struct {
        uint8_t work[CHECKREADER_AREA];
        uint8_t copy[CHECKREADER_AREA];
    } pictures;
    uint16_t stack[CHECKREADER_AREA];
} checkreader_memory;
static uint8_t checkreader_ink[CHECKREADER_AREA];
static uint8_t checkreader_visited[CHECKREADER_AREA];

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

/* Step 3: inverts the picture if the ink is its lighter part. */
static void checkreader_dark_on_light(uint8_t *work, int width, int height)
{
    const int reach = (checkreader_max(width, height) + 2) / 3;
    int32_t columns[CHECKREADER_WORK] = {0};
    int64_t cubes = 0, sizes = 0, edge = 0, edge_sizes = 0;
    for (int y = 0; y < checkreader_min(reach, height); y++)
        for (int x = 0; x < width; x++)
            columns[x] += work[y * width + x];
    for (int y = 0; y < height; y++) {
        const int top = checkreader_max(y - reach, 0), bottom = checkreader_min(y + reach + 1, height);
        int64_t sum = 0;
        for (int x = 0; x < width; x++) {
            if (y + reach < height)
                columns[x] += work[(y + reach) * width + x];
            if (y - reach > 0)
                columns[x] -= work[(y - reach - 1) * width + x];
        }
        for (int x = 0; x < checkreader_min(reach, width); x++)
            sum += columns[x];
        for (int x = 0; x < width; x++) {
            const int left = checkreader_max(x - reach, 0), right = checkreader_min(x + reach + 1, width);
            if (x + reach < width)
                sum += columns[x + reach];
            if (x - reach > 0)
                sum -= columns[x - reach - 1];
            const int64_t d = work[y * width + x] - sum / ((int64_t)(bottom - top) * (right - left));
            const int64_t size = d < 0 ? -d : d;
            cubes += d * d * d;
            sizes += size * size * size;
            if (y == 0 || x == 0 || y == height - 1 || x == width - 1) {
                edge += d;
                edge_sizes += size;
            }
        }
    }
    if (cubes * edge_sizes > sizes * edge)
        for (int i = 0; i < width * height; i++)
            work[i] = (uint8_t)(255 - work[i]);
}

/* Step 4: the maximum, or minimum, of up to 2 reach + 1 values along one axis. */
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

/* Steps 2 to 7: polarity, paper, ink, threshold and contrast. Returns 0 if there is no ink. */
static int checkreader_find_ink(int width, int height)
{
    uint8_t *const work = checkreader_memory.pictures.work, *const copy = checkreader_memory.pictures.copy;
    uint8_t *const ink = checkreader_ink;
    const int reach = (checkreader_max(width, height) + 5) / 6, n = width * height;
    int32_t histogram[256] = {0};
    checkreader_dark_on_light(work, width, height);
    checkreader_extreme(work, copy, height, width, width, 1, reach, 0);
    checkreader_extreme(copy, ink, width, 1, height, width, reach, 0);
    checkreader_extreme(ink, copy, height, width, width, 1, reach, 1);
    checkreader_extreme(copy, ink, width, 1, height, width, reach, 1);
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        const int paper = ink[i], darker = checkreader_max(paper - work[i], 0);
        ink[i] = (uint8_t)checkreader_divide(255 * (int64_t)darker, checkreader_max(paper, 1));
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
    if (best < 0 || (sum - s0) / (n - n0) - s0 / n0 < 32)
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
    return 1;
}

/* Step 8: puts the indices of one component's pixels onto the stack, from the bottom. Returns their number. */
static int checkreader_component(int start, int width, int height, int64_t *mass, int *at_edge)
{
    uint16_t *const stack = checkreader_memory.stack;
    int count = 1;
    stack[0] = (uint16_t)start;
    checkreader_visited[start] = 1;
    *mass = 0;
    *at_edge = 0;
    for (int done = 0; done < count; done++) {
        const int x = stack[done] % width, y = stack[done] / width;
        *mass += checkreader_ink[stack[done]];
        if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
            *at_edge = 1;
        for (int v = checkreader_max(y - 1, 0); v <= checkreader_min(y + 1, height - 1); v++) {
            for (int u = checkreader_max(x - 1, 0); u <= checkreader_min(x + 1, width - 1); u++) {
                const int i = v * width + u;
                if (checkreader_ink[i] >= 64 && !checkreader_visited[i]) {
                    checkreader_visited[i] = 1;
                    stack[count++] = (uint16_t)i;
                }
            }
        }
    }
    return count;
}

/* Step 8: erases specks; `box` becomes left, top, right and bottom of the remaining ink. */
static void checkreader_body(int width, int height, int box[4])
{
    int64_t heaviest = 0, mass;
    int heaviest_at_edge = 0, at_edge;
    for (int i = 0; i < width * height; i++)
        checkreader_visited[i] = 0;
    for (int i = 0; i < width * height; i++) {
        if (checkreader_ink[i] >= 64 && !checkreader_visited[i]) {
            checkreader_component(i, width, height, &mass, &at_edge);
            if (mass > heaviest) {
                heaviest = mass;
                heaviest_at_edge = at_edge;
            }
        }
    }
    for (int i = 0; i < width * height; i++)
        checkreader_visited[i] = 0;
    box[0] = width;
    box[1] = height;
    box[2] = box[3] = 0;
    for (int i = 0; i < width * height; i++) {
        if (checkreader_ink[i] < 64 || checkreader_visited[i])
            continue;
        const int count = checkreader_component(i, width, height, &mass, &at_edge);
        const int keep = mass * 16 >= heaviest && (heaviest_at_edge || !at_edge);
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
    const int block = (checkreader_max(width, height) - 1) / CHECKREADER_WORK + 1;
    checkreader_shrink(gray, width, height, stride, block, checkreader_memory.pictures.work);
    width = (width - 1) / block + 1;
    height = (height - 1) / block + 1;
    if (!checkreader_find_ink(width, height))
        return 0;
    int box[4];
    checkreader_body(width, height, box);
    const int wide = box[2] - box[0], high = box[3] - box[1], longer = checkreader_max(wide, high);
    const int columns = checkreader_max(1, (CHECKREADER_BODY * wide + longer / 2) / longer);
    const int rows = checkreader_max(1, (CHECKREADER_BODY * high + longer / 2) / longer);
    const uint8_t *const ink = checkreader_ink + box[1] * width + box[0];
    uint8_t *const across = checkreader_visited; /* [high][columns] */
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
