/* The losses of class_terms.h over every class of a row: two sweeps over the tiles after the first pass of the softmax
 * family, one for the sums, one for the derivatives. */
#ifndef FL_TERM_SWEEPS_H
#define FL_TERM_SWEEPS_H

#include "rows/softmax/writers.h"

/* Logits, their exponentials and the target of a tile. */
typedef struct {
    const T *x, *e, *t;
    ptrdiff_t chunks;
    T scale, parameter;
} term_tile;

/* Sums over the classes but the one with p > 1/2, if there is one; beside them slope and curvature of that class. */
typedef struct {
    double value[LANES], slope[LANES], curvature[LANES];
    T dominant_slope[LANES], dominant_curvature[LANES];
} term_sums;

typedef struct {
    void (*add)(const row_constants *r, const term_tile *tile, term_sums *sum);
    void (*write)(const row_constants *r, const term_tile *tile, T *g, T *h);
} term_kernel;

INLINE class_term term_at(term_formula *f, const row_constants *r, int l, const term_tile *tile, ptrdiff_t i, T *p,
                          T *not_p) {
    T x = tile->x[i], above = 1 - tile->e[i] * r->inv_s[l];
    *p = tile->e[i] * r->inv_s[l];
    *not_p = x == r->max[l] ? r->not_p_max[l] : above;
    return f(tile->t[i], *p, *not_p, r->log_s[l] + tile->scale * (r->max[l] - x), tile->parameter);
}

INLINE void add_terms(term_formula *f, const row_constants *row, const term_tile *given, term_sums *sum) {
    const term_tile tile = *given;
    row_constants r = *row;
    term_sums s = *sum;
    for (ptrdiff_t k = 0; k < tile.chunks; k++) {
        T value[LANES], slope[LANES], curvature[LANES];
        EACH_LANE(l) {
            T p, not_p;
            class_term y = term_at(f, &r, l, &tile, k * LANES + l, &p, &not_p);
            int dominant = tile.x[k * LANES + l] == r.dominant[l];
            value[l] = y.value;
            slope[l] = dominant ? 0 : y.slope, curvature[l] = dominant ? 0 : y.curvature;
            s.dominant_slope[l] = dominant ? y.slope : s.dominant_slope[l],
            s.dominant_curvature[l] = dominant ? y.curvature : s.dominant_curvature[l];
        }
        EACH_LANE(l) {
            s.value[l] += (double)value[l];
            s.slope[l] += (double)slope[l];
            s.curvature[l] += (double)curvature[l];
        }
    }
    *sum = s;
}

INLINE void write_terms(term_formula *f, const row_constants *row, const term_tile *given, T *g, T *h) {
    const term_tile tile = *given;
    row_constants r = *row;
    for (ptrdiff_t k = 0; k < tile.chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T p, not_p;
            class_term y = term_at(f, &r, l, &tile, i, &p, &not_p);
            int dominant = tile.x[i] == r.dominant[l];
            T all = r.sum_slope[l], w = r.k[l] * tile.scale;
            T slope = dominant ? not_p * y.slope : y.slope, others = dominant ? r.others_slope[l] : all;
            T turn = dominant ? not_p * not_p : not_p - p,
              curvatures = dominant ? r.others_curvature[l] : r.sum_curvature[l];
            g[i] = w * (slope - p * others);
            if (h) h[i] = w * tile.scale * (turn * y.curvature - p * not_p * all + p * p * curvatures);
        }
}

#define TERMS(name, f) \
    static void add_##name(const row_constants *r, const term_tile *tile, term_sums *sum) { \
        add_terms(f, r, tile, sum); \
    } \
    static void write_##name(const row_constants *r, const term_tile *tile, T *g, T *h) { \
        if (h) write_terms(f, r, tile, g, h); \
        else write_terms(f, r, tile, g, NULL); \
    } \
    static const term_kernel name##_terms = {add_##name, write_##name};

TERMS(focal, focal_term)
TERMS(focal_square, focal_square_term)
TERMS(poly, poly_term)
TERMS(brier, brier_term)
TERMS(js, js_term)

/* Loads the next tile; 0 at the end of the row. `kept`: its exponentials, or NULL. */
INLINE int next_term_tile(tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y, const T *kept,
                          T *xs, T *es, T *ts, term_tile *tile) {
    if (!next_tile(cursor)) return 0;
    tile->x = load_logits(cursor, y, xs);
    tile->t = load_target(cursor, y, ts, NULL);
    tile->e = kept;
    if (!kept) tile_exponentials(cursor, r, tile->x, scale, es), tile->e = es;
    tile->chunks = cursor->chunks;
    return 1;
}

static void sum_terms(tile_cursor cursor, T scale, const term_kernel *f, row_constants *r, const row_labels *y,
                      const T *kept, T *loss) {
    T xs[TILE], es[TILE], ts[TILE];
    term_tile tile = {.scale = scale, .parameter = (T)cursor.call->parameter[FL_FIRST_SLOT]};
    term_sums sum = {{0}, {0}, {0}, {0}, {0}};
    double total[3][LANES] = {{0}}, top[2][LANES] = {{0}};
    row_constants here;
    broadcast_constants(&here, r, &cursor);
    while (next_term_tile(&cursor, scale, r, y, kept, xs, es, ts, &tile)) f->add(&here, &tile, &sum);
    add_double_lanes(total[0], sum.value, &cursor);
    add_double_lanes(total[1], sum.slope, &cursor);
    add_double_lanes(total[2], sum.curvature, &cursor);
    add_lanes(top[0], sum.dominant_slope, &cursor);
    add_lanes(top[1], sum.dominant_curvature, &cursor);
    for (ptrdiff_t l = cursor.lane; l < cursor.lane + cursor.rows; l++) {
        loss[l] = (T)(total[0][l] + (r->log_s[l] == r->log_s[l] ? 0 : (double)T_NAN));
        r->others_slope[l] = (T)total[1][l];
        r->others_curvature[l] = (T)total[2][l];
        r->sum_slope[l] = (T)(total[1][l] + top[0][l]);
        r->sum_curvature[l] = (T)(total[2][l] + top[1][l]);
    }
}

static void write_terms_pass(tile_cursor cursor, T scale, const term_kernel *f, const row_constants *r,
                             const row_labels *y, const T *kept) {
    T xs[TILE], es[TILE], ts[TILE], g[TILE], h[TILE];
    const fl_operand *op = cursor.call->op;
    term_tile tile = {.scale = scale, .parameter = (T)cursor.call->parameter[FL_FIRST_SLOT]};
    row_constants here;
    broadcast_constants(&here, r, &cursor);
    while (next_term_tile(&cursor, scale, r, y, kept, xs, es, ts, &tile)) {
        f->write(&here, &tile, g, op[FL_HESS].data ? h : NULL);
        clear_uncounted(&cursor, r, g);
        store_tile(&cursor, FL_GRAD, g);
        if (op[FL_HESS].data) store_hess(&cursor, r, y, h);
    }
}

#endif
