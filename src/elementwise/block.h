/* A block of an elementwise call: elements first .. first + n in C order, of operands with any strides.
 *
 * Operands whose axes do not merge (an array of parameters repeated over rows, a slice of columns) are copied in
 * pieces of constant step. Where the last axis is short the pieces are its columns: three quantiles of a
 * million rows are three pieces, not a million.
 */
#ifndef FL_BLOCK_H
#define FL_BLOCK_H

#include "base/convert.h"

enum { SHORT_AXIS = 32 };

/* n elements, `step` bytes apart in memory and `block_step` elements in the block. */
INLINE void copy_strided(char *data, int type, ptrdiff_t step, T *block, ptrdiff_t block_step, ptrdiff_t n,
                         int to_memory) {
    T line[FL_BLOCK];
    if (block_step == 1) {
        if (to_memory) round_to(data, type, step, block, n);
        else convert(block, data, type, step, n);
        return;
    }
    if (!to_memory) convert(line, data, type, step, n);
    for (ptrdiff_t i = 0; i < n; i++) {
        if (to_memory) line[i] = block[i * block_step];
        else block[i * block_step] = line[i];
    }
    if (to_memory) round_to(data, type, step, line, n);
}

/* The part of a block that lies in one matrix of the last two axes, from its element `offset` on. */
INLINE void copy_matrix_part(char *data, const fl_operand *op, ptrdiff_t columns, ptrdiff_t row_step,
                             ptrdiff_t column_step, ptrdiff_t offset, T *block, ptrdiff_t n, int to_memory) {
    ptrdiff_t column = offset % columns, lead = column ? columns - column : 0, row = offset / columns;
    if (lead > n) lead = n;
    ptrdiff_t whole = (n - lead) / columns, tail = n - lead - whole * columns;
    char *first = data + row * row_step;
    copy_strided(first + column * column_step, op->type, column_step, block, 1, lead, to_memory);
    first += lead ? row_step : 0;
    block += lead;
    if (columns < SHORT_AXIS)
        for (ptrdiff_t c = 0; c < columns && whole; c++)
            copy_strided(first + c * column_step, op->type, row_step, block + c, columns, whole, to_memory);
    else
        for (ptrdiff_t r = 0; r < whole; r++)
            copy_strided(first + r * row_step, op->type, column_step, block + r * columns, 1, columns, to_memory);
    copy_strided(first + whole * row_step, op->type, column_step, block + whole * columns, 1, tail, to_memory);
}

/* An operand of more than one axis: from memory to the block, or back. */
INLINE void copy_block(const fl_call *call, const fl_operand *op, ptrdiff_t first, T *block, ptrdiff_t n,
                       int to_memory) {
    const int last = call->ndim - 1;
    ptrdiff_t columns = call->shape[last], area = call->shape[last - 1] * columns;
    for (ptrdiff_t done = 0, m; done < n; done += m) {
        ptrdiff_t offset = (first + done) % area, matrix = (first + done) / area;
        char *data = op->data;
        m = n - done < area - offset ? n - done : area - offset;
        for (int d = last - 2; d >= 0; matrix /= call->shape[d], d--) data += matrix % call->shape[d] * op->stride[d];
        copy_matrix_part(data, op, columns, op->stride[last - 1], op->stride[last], offset, block + done, m, to_memory);
    }
}

/* Bytes from one element to the next along the last axis. */
INLINE ptrdiff_t element_step(const fl_call *call, const fl_operand *op) {
    return call->ndim ? op->stride[call->ndim - 1] : 0;
}

/* Are all elements the same step apart? */
INLINE int has_constant_step(const fl_call *call, const fl_operand *op) {
    const int last = call->ndim - 1;
    return last < 1 || (last == 1 && op->stride[0] == op->stride[1] * call->shape[1]);
}

INLINE const T *load_block(T *buffer, const fl_call *call, int role, ptrdiff_t first, ptrdiff_t n) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = element_step(call, op);
    if (has_constant_step(call, op)) return load(buffer, op->data + first * step, op->type, step, n);
    copy_block(call, op, first, buffer, n, 0);
    return buffer;
}

INLINE void store_block(const fl_call *call, int role, ptrdiff_t first, T *block, ptrdiff_t n) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = element_step(call, op);
    if (has_constant_step(call, op)) store(op->data + first * step, op->type, step, block, n, call->stream);
    else copy_block(call, op, first, block, n, 1);
}

#endif
