enum { CHECKREADER_BOUNDS = (int)(sizeof checkreader_bounds / sizeof checkreader_bounds[0]) };

/* Returns the row of the bound that is applied. */
static int checkreader_row(int32_t max_error)
{
    int row = 0;
    while (row + 1 < CHECKREADER_BOUNDS && checkreader_bounds[row + 1].max_error <= max_error)
        row++;
    return row;
}

int checkreader_lenet5_threshold(int32_t max_error)
{
    return checkreader_bounds[checkreader_row(max_error)].margin;
}

int32_t checkreader_lenet5_applied(int32_t max_error)
{
    return checkreader_bounds[checkreader_row(max_error)].max_error;
}

int32_t checkreader_lenet5_bound(int index)
{
    return index >= 0 && index < CHECKREADER_BOUNDS - 1 ? checkreader_bounds[index + 1].max_error : 0;
}
