/* Prints the default error bound, the certified ones, and for each argument the applied bound and the margin. */
#include <stdio.h>
#include <stdlib.h>

#include "lenet5-int8.h"

int main(int count, char **wanted)
{
    printf("%d\n", (int)CHECKREADER_LENET5_MAX_ERROR);
    for (int i = 0; checkreader_lenet5_bound(i) != 0; i++)
        printf("%d ", (int)checkreader_lenet5_bound(i));
    puts("");
    for (int i = 1; i < count; i++) {
        const int32_t max_error = (int32_t)strtol(wanted[i], NULL, 10);
        printf("%d %d\n", (int)checkreader_lenet5_applied(max_error), checkreader_lenet5_threshold(max_error));
    }
    return checkreader_lenet5_bound(-1);
}
