/* Tiles: a block of a row matrix in L1, as chunks of LANES elements.
 *
 * The same kernel serves two layouts. In a *wide* tile the lanes are neighbouring classes of one row, so
 * sums are folded across lanes at the end of the row. In an *across* tile lane l is row l, and a chunk is
 * one class of LANES rows: few classes, or a class axis that is not the last. A tile has 64 chunks, so
 * rows of up to 64 classes lie in one across tile; the ragged end of a wide row is padded with whatever
 * contributes nothing (-inf for a logit: a class of probability zero; 0 for a target).
 */
#ifndef FL_TILE_H
#define FL_TILE_H

#include "base/labels.h"
#include "base/convert.h"

enum { CHUNKS = 64, TILE = CHUNKS * LANES };

/* Four elements, and the four of two such that are counted out. */
typedef T four __attribute__((vector_size(4 * sizeof(T))));
#if defined(__clang__) || __GNUC__ >= 12
#define FOUR_OF(a, b, i, j, k, m) __builtin_shufflevector(a, b, i, j, k, m)
#else
typedef Tint four_places __attribute__((vector_size(4 * sizeof(T))));
#define FOUR_OF(a, b, i, j, k, m) __builtin_shuffle(a, b, (four_places){i, j, k, m})
#endif

/* Classes c .. c + n of one row; a whole number of native chunks is used where it lies. */
INLINE const T *load_wide(T *tile, const char *row, int type, ptrdiff_t along, ptrdiff_t c, ptrdiff_t n, T pad) {
    const char *from = row + c * along;
    ptrdiff_t whole = n / LANES * LANES, rest = n - whole;
    if (rest == 0) return load(tile, from, type, along, n);
    if (!is_native(from, type, along)) {
        convert(tile, from, type, along, n);
        for (ptrdiff_t i = n; i < whole + LANES; i++) tile[i] = pad;
        return tile;
    }
    const T *x = (const T *)(const void *)from;
    for (ptrdiff_t i = 0; i < whole; i += LANES) memcpy(tile + i, x + i, LANES * sizeof *x);
    EACH_LANE(l) tile[whole + l] = l < rest ? x[whole + l] : pad;
    return tile;
}

/* Four by four elements, `from_step` and `to_step` apart, with rows and columns changed over. */
INLINE void transpose_four(T *to, ptrdiff_t to_step, const T *from, ptrdiff_t from_step) {
    four in[4], half[4], out[4];
    for (int i = 0; i < 4; i++) memcpy(&in[i], from + i * from_step, sizeof in[i]);
    half[0] = FOUR_OF(in[0], in[1], 0, 4, 1, 5), half[1] = FOUR_OF(in[0], in[1], 2, 6, 3, 7);
    half[2] = FOUR_OF(in[2], in[3], 0, 4, 1, 5), half[3] = FOUR_OF(in[2], in[3], 2, 6, 3, 7);
    out[0] = FOUR_OF(half[0], half[2], 0, 1, 4, 5), out[1] = FOUR_OF(half[0], half[2], 2, 3, 6, 7);
    out[2] = FOUR_OF(half[1], half[3], 0, 1, 4, 5), out[3] = FOUR_OF(half[1], half[3], 2, 3, 6, 7);
    for (int i = 0; i < 4; i++) memcpy(to + i * to_step, &out[i], sizeof out[i]);
}

/* LANES rows of n classes <-> n chunks, each with its steps from row to row and from class to class, one of which is 1.
 * The last four classes may overlap those before them. */
INLINE void transpose(T *to, ptrdiff_t to_row, ptrdiff_t to_class, const T *from, ptrdiff_t from_row, ptrdiff_t from_class,
                      ptrdiff_t n) {
    if (n < 4)
        EACH_LANE(l) for (ptrdiff_t c = 0; c < n; c++) to[l * to_row + c * to_class] = from[l * from_row + c * from_class];
    for (ptrdiff_t at = 0; n >= 4 && at < n; at += 4) {
        ptrdiff_t c = at < n - 4 ? at : n - 4;
        for (ptrdiff_t l = 0; l < LANES; l += 4)
            transpose_four(to + l * to_row + c * to_class, to_row * to_class,
                           from + l * from_row + c * from_class, from_row * from_class);
    }
}

enum { TO_CHUNKS, TO_ROWS };

INLINE void change_over(T *to, const T *from, ptrdiff_t n, int way) {
    if (way == TO_ROWS) transpose(to, n, 1, from, 1, LANES, n);
    else transpose(to, 1, LANES, from, n, 1, n);
}

/* LANES rows. Two or three classes are shuffles, where the compiler is told their number. */
INLINE void change_group_over(T *to, const T *from, ptrdiff_t n, int way) {
    if (n == 2) change_over(to, from, 2, way);
    else if (n == 3) change_over(to, from, 3, way);
    else change_over(to, from, n, way);
}

/* The same of `rows` rows; what a chunk holds of other rows is 0. */
INLINE void rows_to_chunks(T *tile, const T *from, ptrdiff_t rows, ptrdiff_t n) {
    if (rows == LANES) change_group_over(tile, from, n, TO_CHUNKS);
    else
        for (ptrdiff_t c = 0; c < n; c++)
            for (ptrdiff_t l = 0; l < LANES; l++) tile[c * LANES + l] = l < rows ? from[l * n + c] : 0;
}

INLINE void chunks_to_rows(T *to, const T *tile, ptrdiff_t rows, ptrdiff_t n) {
    if (rows == LANES) change_group_over(to, tile, n, TO_ROWS);
    else
        for (ptrdiff_t l = 0; l < rows; l++)
            for (ptrdiff_t c = 0; c < n; c++) to[l * n + c] = tile[c * LANES + l];
}

/* Asks for memory before it is wanted. */
INLINE void ask(const char *from, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

INLINE void ask_to_write(const char *to, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch(to + i, 1);
}

/* Class after class, as in Fortran order or (n, c, height, width). A tile has a line or two of each class: more streams
 * than the processor follows, so what is not asked for is waited for, line by line, in writing too. */
INLINE int in_columns(ptrdiff_t step, ptrdiff_t along) { return along > step && step >= 0; }

/* Classes c .. c + n of `rows` rows, `step` bytes apart. */
INLINE void load_across(T *tile, const char *data, int type, ptrdiff_t step, ptrdiff_t along, ptrdiff_t rows,
                        ptrdiff_t c, ptrdiff_t n) {
    T buffer[TILE];
    const char *from = data + c * along;
    if (step == n * along) {
        rows_to_chunks(tile, load(buffer, from, type, along, rows * n), rows, n);
    } else if (in_columns(step, along)) {
        for (ptrdiff_t k = 0; k < n; k++) {
            if (rows == LANES && is_native(from, type, step)) memcpy(tile + k * LANES, from + k * along, LANES * sizeof(T));
            else convert(tile + k * LANES, from + k * along, type, step, rows);
            for (ptrdiff_t l = rows; l < LANES; l++) tile[k * LANES + l] = 0;
        }
    } else {
        for (ptrdiff_t l = 0; l < rows; l++) convert(buffer + l * n, from + l * step, type, along, n);
        rows_to_chunks(tile, buffer, rows, n);
    }
}

INLINE void store_across(char *data, int type, ptrdiff_t step, ptrdiff_t along, ptrdiff_t rows, ptrdiff_t c,
                         ptrdiff_t n, const T *tile, int stream) {
    T buffer[TILE];
    char *to = data + c * along;
    if (in_columns(step, along) && step != n * along) {
        for (ptrdiff_t k = 0; k < n; k++) {
            char *lines = to + k * along;
            ask_to_write(lines + 4 * LANES * step, step == size_of(type) ? rows * step : 0);
            if (rows == LANES && is_native(to, type, step)) memcpy(lines, tile + k * LANES, LANES * sizeof(T));
            else store(lines, type, step, tile + k * LANES, rows, 0);
        }
        return;
    }
    if (step == n * along && !stream && is_native(to, type, along)) {
        chunks_to_rows((T *)(void *)to, tile, rows, n);
        return;
    }
    chunks_to_rows(buffer, tile, rows, n);
    if (step == n * along) store(to, type, along, buffer, rows * n, stream);
    else
        for (ptrdiff_t l = 0; l < rows; l++) store(to + l * step, type, along, buffer + l * n, n, 0);
}

/* Where a tile stands: classes c .. c + n of `rows` rows of a run (wide: of one). */
typedef struct {
    const fl_call *call;
    const fl_run *run;
    ptrdiff_t row, rows;
    int wide, lane;          /* lane: of a wide row in its group */
    ptrdiff_t rows_ahead;    /* how far off the next logits wanted are; 0: right behind this tile */
    ptrdiff_t c, n, chunks;
} place;

/* The tiles of a row, or of LANES rows, one after the other: starts from n = 0. */
INLINE int next_tile(place *at) {
    ptrdiff_t most = at->wide ? TILE : CHUNKS, left;
    at->c += at->n;
    left = at->call->classes - at->c;
    at->n = left < most ? left : most;
    at->chunks = at->wide ? round_up(at->n, LANES) / LANES : at->n;
    return left > 0;
}

INLINE place stand(const fl_call *call, const fl_run *run, ptrdiff_t row) {
    int wide = !call->lanes_across;
    ptrdiff_t left = run->n - row, most = wide ? 1 : LANES;
    return (place){.call = call, .run = run, .row = row, .rows = left < most ? left : most, .wide = wide};
}

INLINE char *row_of(const fl_run *run, int role, ptrdiff_t row) { return run->data[role] + row * run->step[role]; }

/* Labels and weights of `n` rows; a row that does not count has label -1 and weight 0. Without labels all count. */
static void read_labels(const fl_call *call, const fl_run *run, ptrdiff_t row, ptrdiff_t n, int64_t *label, double *weight) {
    const fl_operand *op = &call->op[FL_LABEL];
    int64_t classes = call->classes, ignored = call->softmax.has_ignore ? call->softmax.ignore_index : -1;
    EACH_LANE(l) label[l] = -1, weight[l] = 1;
    if (run->weight) memcpy(weight, run->weight + row, (size_t)n * sizeof *weight);
    if (!op->data) return;
    load_labels(label, row_of(run, FL_LABEL, row), op->type, run->step[FL_LABEL], n);
    EACH_LANE(l) {
        /* Labels were checked before the call; a caller who changes them meanwhile harms only himself. */
        int counts = (label[l] >= 0) & (label[l] < classes) & (label[l] != ignored);
        label[l] = counts ? label[l] : -1;
        weight[l] = counts ? weight[l] : 0;
    }
}

/* What the target says of LANES rows. */
typedef struct {
    int64_t at[LANES];     /* the label; -1: the row does not count, or there are no labels */
    double weight[LANES];  /* of the row */
    T q[LANES];            /* the target there; 0 where q is an array */
    T gain[LANES];         /* the class's weight, where it multiplies a function of the loss */
    T logit[LANES];        /* what a margin makes of the logit there */
    T slope[LANES];        /* and its derivative */
} hard;

/* Position in the tile of class c of the tile's row l, or -1. */
INLINE ptrdiff_t position(const place *at, int64_t c, ptrdiff_t l) {
    ptrdiff_t i = (ptrdiff_t)c - at->c;
    if (c < 0 || i < 0 || i >= at->n) return -1;
    return at->wide ? i : i * LANES + l;
}

/* The same of each row's label, all at once. */
INLINE void find_labels(const place *at, const int64_t *label, ptrdiff_t *found) {
    const int64_t first = at->c, n = at->n;
    if (at->wide) found[0] = position(at, label[at->lane], 0);
    else
        EACH_LANE(l) {
            int64_t c = label[l] - first;
            int here = (c >= 0) & (c < n);
            found[l] = here ? (ptrdiff_t)c * LANES + l : -1;
        }
}

/* Lane sums of a tile go to their rows: across, a lane is a row; wide, all lanes are row `lane`. */
INLINE void add_lanes(double *total, const T *part, const place *at) {
    if (at->wide) total[at->lane] += sum_parts(part);
    else EACH_LANE(l) total[l] += (double)part[l];
}

INLINE void add_double_lanes(double *total, const double *part, const place *at) {
    if (at->wide) total[at->lane] += sum_lanes(part);
    else EACH_LANE(l) total[l] += part[l];
}

/* The tile in memory of the kernel's own, to be changed. */
INLINE T *writable(const place *at, const T *x, T *tile) {
    if (x != tile) memcpy(tile, x, (size_t)(at->chunks * LANES) * sizeof *x);
    return tile;
}

/* A number of each lane's row: across, its own; wide, one for all. */
INLINE void spread(T *to, const T *field, const place *at) {
    if (at->wide) {
        T one = field[at->lane];
        EACH_LANE(l) to[l] = one;
    } else memcpy(to, field, LANES * sizeof *to);
}

/* Asks for what is wanted after this tile, where it is known to lie in few pieces: the processor's own prefetch stops
 * while it works on one. */
INLINE void look_ahead(const place *at, int role) {
    const fl_operand *op = &at->call->op[role];
    ptrdiff_t along = op->along, step = at->run->step[role], size = size_of(op->type);
    int more = at->c + at->n < at->call->classes;
    const char *next = row_of(at->run, role, at->row + (more ? 0 : at->rows)) + (more ? (at->c + at->n) * along : 0);
    if (!at->wide && step == size && in_columns(step, along)) {
        for (ptrdiff_t k = 0; k < at->n; k++) ask(next + k * along, at->rows * size);
    } else if (along == size && (at->wide || step == along * at->call->classes)) ask(next, at->rows * at->n * size);
}

INLINE const T *fetch(const place *at, int role, T *tile, T pad) {
    const fl_operand *op = &at->call->op[role];
    char *data = row_of(at->run, role, at->row);
    if (at->wide) return load_wide(tile, data, op->type, op->along, at->c, at->n, pad);
    load_across(tile, data, op->type, at->run->step[role], op->along, at->rows, at->c, at->n);
    return tile;
}

INLINE void deliver(const place *at, int role, const T *tile) {
    const fl_operand *op = &at->call->op[role];
    char *data = row_of(at->run, role, at->row);
    int stream = at->call->stream;
    if (at->wide) store(data + at->c * op->along, op->type, op->along, tile, at->n, stream);
    else store_across(data, op->type, at->run->step[role], op->along, at->rows, at->c, at->n, tile, stream);
}

#endif
