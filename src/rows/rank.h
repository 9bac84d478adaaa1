/* The rank of the true class: how many scores of a row stand before it. One pass, no sorting.
 *
 *     rank = #{c: s_c > s_y} + #{c < y: s_c = s_y}      with parameter 0 set #{c > y: s_c = s_y}, scikit-learn's rule
 *
 * A row with NaN gets the number of classes, which no class of a clean row has; an ignored row -1.
 */
#ifndef FL_RANK_H
#define FL_RANK_H

#include "rows/tile.h"

/* Counts of a tile; `before`: ties at positions below it stand before (or, `last`, at positions above it). */
INLINE void tile_rank(const T *x, ptrdiff_t chunks, const T *scores, const T *befores, int wide, int last, T *count, T *bad) {
    T score[LANES], before[LANES], n[LANES] = {0}, nan[LANES] = {0};
    memcpy(score, scores, sizeof score);
    memcpy(before, befores, sizeof before);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            T y = x[k * LANES + l], at = (T)(wide ? k * LANES + l : k);
            int ahead = (y > score[l]) | ((y == score[l]) & (last ? at > before[l] : at < before[l]));
            n[l] += where_(ahead, 1);
            nan[l] += where_(y != y, 1);
        }
    memcpy(count, n, sizeof n);
    memcpy(bad, nan, sizeof nan);
}

static void rank_rows(place at) {
    T xs[TILE], score[LANES], before[LANES], count[LANES], bad[LANES], *value = (T *)at.run->value + at.row;
    const fl_operand *op = &at.call->op[FL_PRED];
    int64_t label[LANES];
    double weight[LANES], ahead[LANES] = {0}, nan[LANES] = {0};
    int last = at.call->parameter[0] != 0;
    read_labels(at.call, at.run, at.row, at.rows, label, weight);
    EACH_LANE(l) score[l] = 0;
    for (ptrdiff_t l = 0; l < at.rows; l++)
        if (label[l] >= 0) score[l] = load_one(row_of(at.run, FL_PRED, at.row + l) + (ptrdiff_t)label[l] * op->along, op->type);
    for (int l = 1; at.wide && l < LANES; l++) score[l] = score[0];
    while (next_tile(&at)) {
        const T *x = fetch(&at, FL_PRED, xs, -T_INF);
        look_ahead(&at, FL_PRED);
        for (ptrdiff_t l = 0; l < LANES; l++) {
            ptrdiff_t y = (ptrdiff_t)label[at.wide ? 0 : l] - at.c;
            before[l] = (T)(y < -1 ? -1 : y > TILE ? TILE : y);
        }
        if (at.wide && last) tile_rank(x, at.chunks, score, before, 1, 1, count, bad);
        else if (at.wide) tile_rank(x, at.chunks, score, before, 1, 0, count, bad);
        else if (last) tile_rank(x, at.chunks, score, before, 0, 1, count, bad);
        else tile_rank(x, at.chunks, score, before, 0, 0, count, bad);
        add_lanes(ahead, count, &at);
        if (at.wide && last && score[0] == -T_INF) ahead[0] -= (double)(at.chunks * LANES - at.n); /* the padding */
        add_lanes(nan, bad, &at);
    }
    for (ptrdiff_t l = 0; l < at.rows; l++) {
        double rank = nan[l] != 0 ? (double)at.call->classes : ahead[l];
        value[l] = label[l] < 0 ? -1 : (T)rank;
    }
}

static void rows_rank(const fl_call *call, const fl_run *run) {
    for (ptrdiff_t row = 0; row < run->n; row += call->lanes_across ? LANES : 1) rank_rows(stand(call, run, row));
}

#endif
