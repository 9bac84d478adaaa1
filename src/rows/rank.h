/* The rank of the true class: how many scores of a row come before its own. One pass, no sorting.
 *
 *     rank = #{c: s_c > s_y} + #{c < y: s_c = s_y}      with parameter 0 set #{c > y: s_c = s_y}, scikit-learn's rule
 *
 * A row with NaN gets the number of classes, which no class of a clean row has; an ignored row -1.
 */
#ifndef FL_RANK_H
#define FL_RANK_H

#include "rows/tile.h"

/* Counts of a tile. Of equal scores those at positions below `before` come first, or with `last` those above it. */
INLINE void tile_rank(const T *x, ptrdiff_t chunks, const T *scores, const T *befores, int wide, int last, T *count,
                      T *bad) {
    T score[LANES], before[LANES], n[LANES] = {0}, nan[LANES] = {0};
    memcpy(score, scores, sizeof score);
    memcpy(before, befores, sizeof before);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            T y = x[k * LANES + l], class = (T)(wide ? k * LANES + l : k);
            int ahead = (y > score[l]) | ((y == score[l]) & (last ? class > before[l] : class < before[l]));
            n[l] += zero_unless(ahead, 1);
            nan[l] += zero_unless(y != y, 1);
        }
    memcpy(count, n, sizeof n);
    memcpy(bad, nan, sizeof nan);
}

static void rank_rows(tile_cursor cursor) {
    T xs[TILE], score[LANES], before[LANES], count[LANES], bad[LANES], *value = (T *)cursor.span->value + cursor.row;
    const fl_operand *op = &cursor.call->op[FL_PRED];
    int64_t label[LANES];
    double weight[LANES], ahead[LANES] = {0}, nan[LANES] = {0};
    int last = cursor.call->parameter[FL_LAST] != 0;
    read_labels(cursor.call, cursor.span, cursor.row, cursor.rows, label, weight);
    EACH_LANE(l) score[l] = 0;
    for (ptrdiff_t l = 0; l < cursor.rows; l++)
        if (label[l] >= 0)
            score[l] =
                load_one(row_address(cursor.span, FL_PRED, cursor.row + l) + (ptrdiff_t)label[l] * op->class_stride,
                         op->type);
    for (int l = 1; cursor.wide && l < LANES; l++) score[l] = score[0];
    while (next_tile(&cursor)) {
        const T *x = load_tile(&cursor, FL_PRED, xs, -T_INF);
        prefetch_next(&cursor, FL_PRED);
        for (ptrdiff_t l = 0; l < LANES; l++) {
            ptrdiff_t y = (ptrdiff_t)label[cursor.wide ? 0 : l] - cursor.c;
            before[l] = (T)(y < -1 ? -1 : y > TILE ? TILE : y);
        }
        if (cursor.wide && last) tile_rank(x, cursor.chunks, score, before, 1, 1, count, bad);
        else if (cursor.wide) tile_rank(x, cursor.chunks, score, before, 1, 0, count, bad);
        else if (last) tile_rank(x, cursor.chunks, score, before, 0, 1, count, bad);
        else tile_rank(x, cursor.chunks, score, before, 0, 0, count, bad);
        add_lanes(ahead, count, &cursor);
        if (cursor.wide && last && score[0] == -T_INF)
            ahead[0] -= (double)(cursor.chunks * LANES - cursor.n); /* the padding */
        add_lanes(nan, bad, &cursor);
    }
    for (ptrdiff_t l = 0; l < cursor.rows; l++) {
        double rank = nan[l] != 0 ? (double)cursor.call->classes : ahead[l];
        value[l] = label[l] < 0 ? -1 : (T)rank;
    }
}

static void rows_rank(const fl_call *call, const fl_span *span) {
    for (ptrdiff_t row = 0; row < span->n; row += call->lanes_across ? LANES : 1)
        rank_rows(tile_cursor_at(call, span, row));
}

#endif
