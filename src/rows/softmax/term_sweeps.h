/* The losses of class_terms.h over every class of a row: two sweeps over the tiles after the first pass of the softmax
 * family, one for the sums, one for what is written. */
#ifndef FL_TERM_SWEEPS_H
#define FL_TERM_SWEEPS_H

#include "rows/softmax/writers.h"

/* Logits, their exponentials and the target of a tile. */
typedef struct {
    const T *x, *e, *t;
    ptrdiff_t chunks;
    T scale, parameter;
} share_tile;

/* Sums over the classes but the one with p > 1/2, if there is one; that one's slope and bend beside them. */
typedef struct {
    double value[LANES], slope[LANES], bend[LANES];
    T top_slope[LANES], top_bend[LANES];
} share_sums;

typedef struct {
    void (*add)(const rows *r, const share_tile *tile, share_sums *sum);
    void (*write)(const rows *r, const share_tile *tile, T *g, T *h);
} share_kernel;

INLINE share share_at(share_loss *f, const rows *r, int l, const share_tile *tile, ptrdiff_t i, T *p, T *not_p) {
    T x = tile->x[i], above = 1 - tile->e[i] * r->inv_s[l];
    *p = tile->e[i] * r->inv_s[l];
    *not_p = x == r->max[l] ? r->rest[l] : above;
    return f(tile->t[i], *p, *not_p, r->log_s[l] + tile->scale * (r->max[l] - x), tile->parameter);
}

INLINE void add_shares(share_loss *f, const rows *row, const share_tile *given, share_sums *sum) {
    const share_tile tile = *given;
    rows r = *row;
    share_sums s = *sum;
    for (ptrdiff_t k = 0; k < tile.chunks; k++) {
        T value[LANES], slope[LANES], bend[LANES];
        EACH_LANE(l) {
            T p, not_p;
            share y = share_at(f, &r, l, &tile, k * LANES + l, &p, &not_p);
            int special = tile.x[k * LANES + l] == r.special[l];
            value[l] = y.value;
            slope[l] = special ? 0 : y.slope, bend[l] = special ? 0 : y.bend;
            s.top_slope[l] = special ? y.slope : s.top_slope[l], s.top_bend[l] = special ? y.bend : s.top_bend[l];
        }
        EACH_LANE(l) {
            s.value[l] += (double)value[l];
            s.slope[l] += (double)slope[l];
            s.bend[l] += (double)bend[l];
        }
    }
    *sum = s;
}

INLINE void write_shares(share_loss *f, const rows *row, const share_tile *given, T *g, T *h) {
    const share_tile tile = *given;
    rows r = *row;
    for (ptrdiff_t k = 0; k < tile.chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T p, not_p;
            share y = share_at(f, &r, l, &tile, i, &p, &not_p);
            int special = tile.x[i] == r.special[l];
            T all = r.mean_v[l], w = r.k[l] * tile.scale;
            T slope = special ? not_p * y.slope : y.slope, others = special ? r.below[l] : all;
            T turn = special ? not_p * not_p : not_p - p, bends = special ? r.below_bend[l] : r.sum[l];
            g[i] = w * (slope - p * others);
            if (h) h[i] = w * tile.scale * (turn * y.bend - p * not_p * all + p * p * bends);
        }
}

#define SHARES(name, f)                                                                              \
    static void add_##name(const rows *r, const share_tile *tile, share_sums *sum) { add_shares(f, r, tile, sum); } \
    static void write_##name(const rows *r, const share_tile *tile, T *g, T *h) {                             \
        if (h) write_shares(f, r, tile, g, h);                                                                \
        else write_shares(f, r, tile, g, NULL);                                                               \
    }                                                                                                         \
    static const share_kernel name##_shares = {add_##name, write_##name};

SHARES(focal, focal_share)
SHARES(focal_square, focal_square_share)
SHARES(poly, poly_share)
SHARES(brier, brier_share)
SHARES(js, js_share)

/* The next tile and what the sweeps need of it; 0 at the end of the row. `kept`: its exponentials, or NULL. */
INLINE int next_share_tile(place *at, T scale, const rows *r, const hard *y, const T *kept, T *xs, T *es, T *ts,
                           share_tile *tile) {
    if (!next_tile(at)) return 0;
    tile->x = fetch_logits(at, y, xs);
    tile->t = fetch_target(at, y, ts, NULL);
    tile->e = kept;
    if (!kept) tile_shift_exp(at, r, tile->x, scale, es), tile->e = es;
    tile->chunks = at->chunks;
    return 1;
}

static void sum_shares(place at, T scale, const share_kernel *f, rows *r, const hard *y, const T *kept, T *loss) {
    T xs[TILE], es[TILE], ts[TILE];
    share_tile tile = {.scale = scale, .parameter = (T)at.call->parameter[0]};
    share_sums sum = {{0}, {0}, {0}, {0}, {0}};
    double total[3][LANES] = {{0}}, top[2][LANES] = {{0}};
    rows here;
    rows_spread(&here, r, &at);
    while (next_share_tile(&at, scale, r, y, kept, xs, es, ts, &tile)) f->add(&here, &tile, &sum);
    add_double_lanes(total[0], sum.value, &at);
    add_double_lanes(total[1], sum.slope, &at);
    add_double_lanes(total[2], sum.bend, &at);
    add_lanes(top[0], sum.top_slope, &at);
    add_lanes(top[1], sum.top_bend, &at);
    for (ptrdiff_t l = at.lane; l < at.lane + at.rows; l++) {
        loss[l] = (T)(total[0][l] + (r->log_s[l] == r->log_s[l] ? 0 : (double)T_NAN));
        r->below[l] = (T)total[1][l];
        r->below_bend[l] = (T)total[2][l];
        r->mean_v[l] = (T)(total[1][l] + top[0][l]);
        r->sum[l] = (T)(total[2][l] + top[1][l]);
    }
}

static void second_pass_of_shares(place at, T scale, const share_kernel *f, const rows *r, const hard *y, const T *kept) {
    T xs[TILE], es[TILE], ts[TILE], g[TILE], h[TILE];
    const fl_operand *op = at.call->op;
    share_tile tile = {.scale = scale, .parameter = (T)at.call->parameter[0]};
    rows here;
    rows_spread(&here, r, &at);
    while (next_share_tile(&at, scale, r, y, kept, xs, es, ts, &tile)) {
        f->write(&here, &tile, g, op[FL_HESS].data ? h : NULL);
        clear_uncounted(&at, r, g);
        deliver(&at, FL_GRAD, g);
        if (op[FL_HESS].data) deliver_hess(&at, r, y, h);
    }
}

#endif
