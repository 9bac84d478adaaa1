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

enum { CHUNKS = FL_CHUNKS, TILE = CHUNKS * LANES };

/* Four elements, and a choice of four from two such vectors. */
typedef T vector4 __attribute__((vector_size(4 * sizeof(T))));
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE4(a, b, i, j, k, m) __builtin_shufflevector(a, b, i, j, k, m)
#else
typedef Tint index4 __attribute__((vector_size(4 * sizeof(T))));
#define SHUFFLE4(a, b, i, j, k, m) __builtin_shuffle(a, b, (index4){i, j, k, m})
#endif

/* Classes c .. c + n of one row; a whole number of native chunks is used where it lies. */
INLINE const T *load_wide(T *tile, const char *row, int type, ptrdiff_t class_step, ptrdiff_t c, ptrdiff_t n, T pad) {
    const char *from = row + c * class_step;
    ptrdiff_t whole = n / LANES * LANES, rest = n - whole;
    if (rest == 0) return load(tile, from, type, class_step, n);
    if (!is_native(from, type, class_step)) {
        convert(tile, from, type, class_step, n);
        for (ptrdiff_t i = n; i < whole + LANES; i++) tile[i] = pad;
        return tile;
    }
    const T *x = (const T *)(const void *)from;
    for (ptrdiff_t i = 0; i < whole; i += LANES) memcpy(tile + i, x + i, LANES * sizeof *x);
    EACH_LANE(l) tile[whole + l] = l < rest ? x[whole + l] : pad;
    return tile;
}

/* Four by four elements, `from_step` and `to_step` apart, with rows and columns exchanged. */
INLINE void transpose_4x4(T *to, ptrdiff_t to_step, const T *from, ptrdiff_t from_step) {
    vector4 in[4], half[4], out[4];
    for (int i = 0; i < 4; i++) memcpy(&in[i], from + i * from_step, sizeof in[i]);
    half[0] = SHUFFLE4(in[0], in[1], 0, 4, 1, 5), half[1] = SHUFFLE4(in[0], in[1], 2, 6, 3, 7);
    half[2] = SHUFFLE4(in[2], in[3], 0, 4, 1, 5), half[3] = SHUFFLE4(in[2], in[3], 2, 6, 3, 7);
    out[0] = SHUFFLE4(half[0], half[2], 0, 1, 4, 5), out[1] = SHUFFLE4(half[0], half[2], 2, 3, 6, 7);
    out[2] = SHUFFLE4(half[1], half[3], 0, 1, 4, 5), out[3] = SHUFFLE4(half[1], half[3], 2, 3, 6, 7);
    for (int i = 0; i < 4; i++) memcpy(to + i * to_step, &out[i], sizeof out[i]);
}

/* LANES rows of n classes <-> n chunks, each with its steps from row to row and from class to class, one of which is 1.
 * The last four classes may overlap those before them. */
INLINE void transpose_strided(T *to, ptrdiff_t to_row, ptrdiff_t to_class, const T *from, ptrdiff_t from_row,
                              ptrdiff_t from_class, ptrdiff_t n) {
    if (n < 4)
        EACH_LANE(l)
            for (ptrdiff_t c = 0; c < n; c++) to[l * to_row + c * to_class] = from[l * from_row + c * from_class];
    for (ptrdiff_t first = 0; n >= 4 && first < n; first += 4) {
        ptrdiff_t c = first < n - 4 ? first : n - 4;
        for (ptrdiff_t l = 0; l < LANES; l += 4)
            transpose_4x4(to + l * to_row + c * to_class, to_row * to_class, from + l * from_row + c * from_class,
                          from_row * from_class);
    }
}

enum { TO_CHUNKS, TO_ROWS };

INLINE void transpose(T *to, const T *from, ptrdiff_t n, int way) {
    if (way == TO_ROWS) transpose_strided(to, n, 1, from, 1, LANES, n);
    else transpose_strided(to, 1, LANES, from, n, 1, n);
}

/* LANES rows. For two or three classes the compiler makes shuffles if their number is a constant. */
INLINE void transpose_batch(T *to, const T *from, ptrdiff_t n, int way) {
    if (n == 2) transpose(to, from, 2, way);
    else if (n == 3) transpose(to, from, 3, way);
    else transpose(to, from, n, way);
}

/* Likewise for `rows` rows, of which there may be fewer than LANES; the other lanes become 0. */
INLINE void rows_to_chunks(T *tile, const T *from, ptrdiff_t rows, ptrdiff_t n) {
    if (rows == LANES) transpose_batch(tile, from, n, TO_CHUNKS);
    else
        for (ptrdiff_t c = 0; c < n; c++)
            for (ptrdiff_t l = 0; l < LANES; l++) tile[c * LANES + l] = l < rows ? from[l * n + c] : 0;
}

INLINE void chunks_to_rows(T *to, const T *tile, ptrdiff_t rows, ptrdiff_t n) {
    if (rows == LANES) transpose_batch(to, tile, n, TO_ROWS);
    else
        for (ptrdiff_t l = 0; l < rows; l++)
            for (ptrdiff_t c = 0; c < n; c++) to[l * n + c] = tile[c * LANES + l];
}

/* Loads memory into the cache ahead of its use. */
INLINE void prefetch(const char *from, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i);
}

INLINE void prefetch_write(const char *to, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch(to + i, 1);
}

/* Class after class, as in Fortran order or (n, c, height, width). A tile has a cache line or two of each class:
 * more streams than the processor's own prefetch follows, so they are prefetched by hand, for writing too. */
INLINE int in_columns(ptrdiff_t step, ptrdiff_t class_step) { return class_step > step && step >= 0; }

/* Classes c .. c + n of `rows` rows, `step` bytes apart. */
INLINE void load_across(T *tile, const char *data, int type, ptrdiff_t step, ptrdiff_t class_step, ptrdiff_t rows,
                        ptrdiff_t c, ptrdiff_t n) {
    T buffer[TILE];
    const char *from = data + c * class_step;
    if (step == n * class_step) {
        rows_to_chunks(tile, load(buffer, from, type, class_step, rows * n), rows, n);
    } else if (in_columns(step, class_step)) {
        for (ptrdiff_t k = 0; k < n; k++) {
            if (rows == LANES && is_native(from, type, step))
                memcpy(tile + k * LANES, from + k * class_step, LANES * sizeof(T));
            else convert(tile + k * LANES, from + k * class_step, type, step, rows);
            for (ptrdiff_t l = rows; l < LANES; l++) tile[k * LANES + l] = 0;
        }
    } else {
        for (ptrdiff_t l = 0; l < rows; l++) convert(buffer + l * n, from + l * step, type, class_step, n);
        rows_to_chunks(tile, buffer, rows, n);
    }
}

INLINE void store_across(char *data, int type, ptrdiff_t step, ptrdiff_t class_step, ptrdiff_t rows, ptrdiff_t c,
                         ptrdiff_t n, const T *tile, int stream) {
    T buffer[TILE];
    char *to = data + c * class_step;
    if (in_columns(step, class_step) && step != n * class_step) {
        for (ptrdiff_t k = 0; k < n; k++) {
            char *lines = to + k * class_step;
            prefetch_write(lines + 4 * LANES * step, step == size_of(type) ? rows * step : 0);
            if (rows == LANES && is_native(to, type, step)) memcpy(lines, tile + k * LANES, LANES * sizeof(T));
            else store(lines, type, step, tile + k * LANES, rows, 0);
        }
        return;
    }
    if (step == n * class_step && !stream && is_native(to, type, class_step)) {
        chunks_to_rows((T *)(void *)to, tile, rows, n);
        return;
    }
    chunks_to_rows(buffer, tile, rows, n);
    if (step == n * class_step) store(to, type, class_step, buffer, rows * n, stream);
    else
        for (ptrdiff_t l = 0; l < rows; l++) store(to + l * step, type, class_step, buffer + l * n, n, 0);
}

/* The position of a tile: classes c .. c + n of `rows` rows of a span (wide: of one). */
typedef struct {
    const fl_call *call;
    const fl_span *span;
    ptrdiff_t row, rows;
    int wide, lane;         /* lane: of a wide row in its batch */
    ptrdiff_t rows_to_next; /* how many rows further on the next logits are read; 0: right behind this tile */
    ptrdiff_t c, n, chunks;
} tile_cursor;

/* The tiles of a row, or of LANES rows, one after the other: starts from n = 0. */
INLINE int next_tile(tile_cursor *cursor) {
    ptrdiff_t most = cursor->wide ? TILE : CHUNKS, left;
    cursor->c += cursor->n;
    left = cursor->call->classes - cursor->c;
    cursor->n = left < most ? left : most;
    cursor->chunks = cursor->wide ? round_up(cursor->n, LANES) / LANES : cursor->n;
    return left > 0;
}

INLINE tile_cursor tile_cursor_at(const fl_call *call, const fl_span *span, ptrdiff_t row) {
    int wide = !call->lanes_across;
    ptrdiff_t left = span->n - row, most = wide ? 1 : LANES;
    return (tile_cursor){.call = call, .span = span, .row = row, .rows = left < most ? left : most, .wide = wide};
}

INLINE char *row_address(const fl_span *span, int role, ptrdiff_t row) {
    return span->data[role] + row * span->step[role];
}

/* Labels and weights of `n` rows; a row that does not count has label -1 and weight 0. Without labels all count. */
static void read_labels(const fl_call *call, const fl_span *span, ptrdiff_t row, ptrdiff_t n, int64_t *label,
                        double *weight) {
    const fl_operand *op = &call->op[FL_LABEL];
    int64_t classes = call->classes, ignored = call->labels.has_ignore ? call->labels.ignore_index : -1;
    EACH_LANE(l) label[l] = -1, weight[l] = 1;
    if (span->weight) memcpy(weight, span->weight + row, (size_t)n * sizeof *weight);
    if (!op->data) return;
    load_labels(label, row_address(span, FL_LABEL, row), op->type, span->step[FL_LABEL], n);
    EACH_LANE(l) {
        /* Labels were checked before the call; a caller who changes them meanwhile harms only himself. */
        int counts = (label[l] >= 0) & (label[l] < classes) & (label[l] != ignored);
        label[l] = counts ? label[l] : -1;
        weight[l] = counts ? weight[l] : 0;
    }
}

/* The labels of LANES rows and what follows from them. */
typedef struct {
    int64_t label[LANES]; /* -1: the row does not count, or there are no labels */
    double weight[LANES]; /* of the row */
    T q[LANES];           /* the target at the label; 0 where q is an array */
    T gain[LANES];        /* the class's weight, where it multiplies a function of the loss */
    T logit[LANES];       /* the logit at the label after the margin */
    T slope[LANES];       /* the derivative of that by the logit */
} row_labels;

/* Position in the tile of class c of the tile's row l, or -1. */
INLINE ptrdiff_t tile_position(const tile_cursor *cursor, int64_t c, ptrdiff_t l) {
    ptrdiff_t i = (ptrdiff_t)c - cursor->c;
    if (c < 0 || i < 0 || i >= cursor->n) return -1;
    return cursor->wide ? i : i * LANES + l;
}

/* Likewise for each row's label, all at once. */
INLINE void find_labels(const tile_cursor *cursor, const int64_t *label, ptrdiff_t *found) {
    const int64_t first = cursor->c, n = cursor->n;
    if (cursor->wide) found[0] = tile_position(cursor, label[cursor->lane], 0);
    else
        EACH_LANE(l) {
            int64_t c = label[l] - first;
            int here = (c >= 0) & (c < n);
            found[l] = here ? (ptrdiff_t)c * LANES + l : -1;
        }
}

/* Adds the lane sums of a tile to the sums of their rows: across, a lane is a row; wide, all lanes are row `lane`. */
INLINE void add_lanes(double *total, const T *part, const tile_cursor *cursor) {
    if (cursor->wide) total[cursor->lane] += sum_scalar_lanes(part);
    else
        EACH_LANE(l) total[l] += (double)part[l];
}

INLINE void add_double_lanes(double *total, const double *part, const tile_cursor *cursor) {
    if (cursor->wide) total[cursor->lane] += sum_lanes(part);
    else
        EACH_LANE(l) total[l] += part[l];
}

/* The tile in a buffer that the kernel may change. */
INLINE T *writable_tile(const tile_cursor *cursor, const T *x, T *tile) {
    if (x != tile) memcpy(tile, x, (size_t)(cursor->chunks * LANES) * sizeof *x);
    return tile;
}

/* For each lane a number of its row: across, its own; wide, one for all. */
INLINE void broadcast(T *to, const T *field, const tile_cursor *cursor) {
    if (cursor->wide) {
        T one = field[cursor->lane];
        EACH_LANE(l) to[l] = one;
    } else memcpy(to, field, LANES * sizeof *to);
}

/* Prefetches the tile after this one where it lies in few pieces: the processor's own prefetch stops while the kernel
 * works on a tile. */
INLINE void prefetch_next(const tile_cursor *cursor, int role) {
    const fl_operand *op = &cursor->call->op[role];
    ptrdiff_t class_step = op->class_stride, step = cursor->span->step[role], size = size_of(op->type);
    int more = cursor->c + cursor->n < cursor->call->classes;
    const char *next = row_address(cursor->span, role, cursor->row + (more ? 0 : cursor->rows)) +
                       (more ? (cursor->c + cursor->n) * class_step : 0);
    if (!cursor->wide && step == size && in_columns(step, class_step)) {
        for (ptrdiff_t k = 0; k < cursor->n; k++) prefetch(next + k * class_step, cursor->rows * size);
    } else if (class_step == size && (cursor->wide || step == class_step * cursor->call->classes))
        prefetch(next, cursor->rows * cursor->n * size);
}

INLINE const T *load_tile(const tile_cursor *cursor, int role, T *tile, T pad) {
    const fl_operand *op = &cursor->call->op[role];
    char *data = row_address(cursor->span, role, cursor->row);
    if (cursor->wide) return load_wide(tile, data, op->type, op->class_stride, cursor->c, cursor->n, pad);
    load_across(tile, data, op->type, cursor->span->step[role], op->class_stride, cursor->rows, cursor->c, cursor->n);
    return tile;
}

INLINE void store_tile(const tile_cursor *cursor, int role, const T *tile) {
    const fl_operand *op = &cursor->call->op[role];
    char *data = row_address(cursor->span, role, cursor->row);
    int stream = cursor->call->stream;
    if (cursor->wide) store(data + cursor->c * op->class_stride, op->type, op->class_stride, tile, cursor->n, stream);
    else
        store_across(data, op->type, cursor->span->step[role], op->class_stride, cursor->rows, cursor->c, cursor->n,
                     tile, stream);
}

#endif
