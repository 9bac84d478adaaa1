/* A block of an elementwise call: elements first .. first + n in C order, of operands with any strides.
 *
 * Operands whose axes do not merge (an array of parameters repeated over rows, a slice of columns) are taken apart
 * into pieces of constant step. Where the last axis is short the pieces run down its columns: three quantiles of a
 * million rows are three pieces, not a million.
 */
#ifndef FL_BLOCK_H
#define FL_BLOCK_H

#include "base/convert.h"

enum { SHORT_AXIS = 32 };

/* n elements, `step` bytes apart in memory and `apart` elements in the block. */
INLINE void piece(char *data, int type, ptrdiff_t step, T *block, ptrdiff_t apart, ptrdiff_t n, int out) {
    T line[FL_BLOCK];
    if (apart == 1) {
        if (out) round_to(data, type, step, block, n);
        else convert(block, data, type, step, n);
        return;
    }
    if (!out) convert(line, data, type, step, n);
    for (ptrdiff_t i = 0; i < n; i++) {
        if (out) line[i] = block[i * apart];
        else block[i * apart] = line[i];
    }
    if (out) round_to(data, type, step, line, n);
}

/* The part of a block that lies in one matrix of the last two axes, from its element `at` on. */
INLINE void matrix_part(char *data, const fl_operand *op, ptrdiff_t columns, ptrdiff_t down, ptrdiff_t along, ptrdiff_t at,
                        T *block, ptrdiff_t n, int out) {
    ptrdiff_t column = at % columns, head = column ? columns - column : 0, row = at / columns;
    if (head > n) head = n;
    ptrdiff_t whole = (n - head) / columns, tail = n - head - whole * columns;
    char *first = data + row * down;
    piece(first + column * along, op->type, along, block, 1, head, out);
    first += head ? down : 0;
    block += head;
    if (columns < SHORT_AXIS)
        for (ptrdiff_t c = 0; c < columns && whole; c++) piece(first + c * along, op->type, down, block + c, columns, whole, out);
    else
        for (ptrdiff_t r = 0; r < whole; r++) piece(first + r * down, op->type, along, block + r * columns, 1, columns, out);
    piece(first + whole * down, op->type, along, block + whole * columns, 1, tail, out);
}

/* Of more than one axis: from memory to the block, or back. */
INLINE void move_block(const fl_call *call, const fl_operand *op, ptrdiff_t first, T *block, ptrdiff_t n, int out) {
    const int last = call->ndim - 1;
    ptrdiff_t columns = call->shape[last], area = call->shape[last - 1] * columns;
    for (ptrdiff_t done = 0, m; done < n; done += m) {
        ptrdiff_t at = (first + done) % area, outer = (first + done) / area;
        char *data = op->data;
        m = n - done < area - at ? n - done : area - at;
        for (int d = last - 2; d >= 0; outer /= call->shape[d], d--) data += outer % call->shape[d] * op->stride[d];
        matrix_part(data, op, columns, op->stride[last - 1], op->stride[last], at, block + done, m, out);
    }
}

/* Bytes from one element of a line to the next. */
INLINE ptrdiff_t last_step(const fl_call *call, const fl_operand *op) { return call->ndim ? op->stride[call->ndim - 1] : 0; }

/* Does the operand lie in one piece along its last two axes? */
INLINE int is_line(const fl_call *call, const fl_operand *op) {
    const int last = call->ndim - 1;
    return last < 1 || (last == 1 && op->stride[0] == op->stride[1] * call->shape[1]);
}

INLINE const T *load_block(T *buffer, const fl_call *call, int role, ptrdiff_t first, ptrdiff_t n) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = last_step(call, op);
    if (is_line(call, op)) return load(buffer, op->data + first * step, op->type, step, n);
    move_block(call, op, first, buffer, n, 0);
    return buffer;
}

INLINE void store_block(const fl_call *call, int role, ptrdiff_t first, T *block, ptrdiff_t n) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = last_step(call, op);
    if (is_line(call, op)) store(op->data + first * step, op->type, step, block, n, call->stream);
    else move_block(call, op, first, block, n, 1);
}

#endif
