/* The softmax family: cross entropy, its derivatives, softmax, log-softmax and logsumexp.
 *
 *     logits x (n, c)    u = softcap * tanh(logit_scale * x / softcap), or logit_scale * x
 *     target q (n, c)    q = gain * t + smooth, t a soft target or one at the label;  Q = sum q
 *     m = max u,  s = sum exp(u - m),  p = exp(u - m) / s,  L = m + log s
 *
 *     loss = Q log s + sum q (m - u) + z L^2
 *     g_u  = A p - q,  A = Q + 2 z L        grad = u' g_u
 *     hess = u'^2 (A p (1 - p) + 2 z p^2) + u'' g_u
 *     Hv   = u' [A p (u' v - <p, u' v>) + 2 z p <p, u' v>] + u'' g_u v
 *
 * Passes over memory: one for the loss. One more for what is written a class; a row that fits one tile
 * is read once, and its exponentials are kept. The running sums are rescaled when the maximum rises.
 *
 * Numerics (P6 in docs): exponentials of elements equal to the maximum are counted, not added, so
 * "others" = s - 1 keeps full relative accuracy in a confident row: log s = log1p(others), and at the
 * maximum, where p > 1/2, A p - q is (Q - q) - Q others / s + 2 z L p. All sums over tiles and rows are double.
 * NaN and +inf find their way through the sums; a maximum that is not finite makes the row NaN.
 */
#ifndef FL_SOFTMAX_KERNEL_H
#define FL_SOFTMAX_KERNEL_H

#include "rows/softmax/term_sweeps.h"

typedef struct {
    const fl_call *call;
    const fl_run *run;
    T scale;             /* of x inside exp; 1 where softcap has applied it already */
    int dense;           /* q is an array: soft targets or smoothing */
    const share_kernel *shares;  /* a loss of every class's share, or NULL */
    int outer;           /* which function of the cross entropy the loss is */
    int general;         /* softcap, Hv, or the Hessian of an array of targets: every derivative from the full formula */
    int wide;
    ptrdiff_t kept;      /* elements kept a row (wide) or a group; 0: none */
    ptrdiff_t batch;     /* rows that go through each pass together */
} job;

/* Is the target the first of the largest, of which there are so many? */
static int is_correct(const fl_call *call, const fl_run *run, ptrdiff_t row, int64_t label, T max, double ties) {
    const fl_operand *t = &call->op[FL_TARGET];
    ptrdiff_t y = (ptrdiff_t)label;
    if (t->data) {
        T best = -T_INF;
        for (ptrdiff_t c = y = 0; c < call->classes; c++) {
            T q = load_one(row_of(run, FL_TARGET, row) + c * t->along, t->type);
            if (q > best) best = q, y = c;
        }
    }
    if (logit_at(call, run, row, y) != max) return 0;
    for (ptrdiff_t c = 0; ties > 1 && c < y; c++)
        if (logit_at(call, run, row, c) == max) return 0;
    return 1;
}

static void read_rows(const job *j, group *g) {
    const fl_call *call = j->call;
    const fl_softmax *p = &call->softmax;
    hard *y = &g->y;
    read_labels(call, j->run, g->first, g->n, y->at, y->weight);
    EACH_LANE(l) {
        y->q[l] = where_((!j->dense) & (y->at[l] >= 0), 1);
        y->slope[l] = y->gain[l] = 1;
    }
    for (ptrdiff_t l = 0; l < g->n && (p->gain || p->margin_kind != FL_NO_MARGIN); l++) {
        ptrdiff_t label = (ptrdiff_t)y->at[l];
        T gain = label < 0 ? 0 : per_class(p->gain, label, 1);
        if (j->outer) y->gain[l] = gain;
        else if (!j->dense) y->q[l] = gain;
        if (p->margin_kind != FL_NO_MARGIN) y->logit[l] = label < 0 ? 0 : logit_at(call, j->run, g->first + l, label);
    }
    if (p->margin_kind != FL_NO_MARGIN) lower(p, y->logit, y->slope);
}

INLINE place place_of(const job *j, const group *g, ptrdiff_t l) {
    return (place){.call = j->call, .run = j->run, .row = g->first + l, .rows = j->wide ? 1 : g->n,
                   .wide = j->wide, .lane = (int)l, .rows_ahead = j->kept ? j->batch : 0};
}

/* Rows of one tile are all measured before any is added: their chains of instructions then overlap. */
static void first_pass(const job *j, group *g) {
    ptrdiff_t parts = j->wide ? g->n : 1;
    place at = place_of(j, g, 0);
    read_rows(j, g);
    sums_init(&g->s);
    if (j->dense) target_sums_init(&g->s);
    if (j->kept) {
        const T *x[LANES];
        next_tile(&at);
        for (ptrdiff_t l = 0; l < parts; l++) {
            at.row = g->first + l, at.lane = (int)l;
            x[l] = measure_tile(&at, j->scale, &g->y, &g->s, g->e + l * j->kept);
        }
        for (ptrdiff_t l = 0; l < parts; l++) {
            at.row = g->first + l, at.lane = (int)l;
            add_tile(&at, j->scale, j->dense, &g->y, &g->s, x[l], g->e + l * j->kept);
        }
        return;
    }
    for (ptrdiff_t l = 0; l < parts; l++) {
        T buffer[TILE];
        at = place_of(j, g, l);
        while (next_tile(&at)) {
            const T *x = measure_tile(&at, j->scale, &g->y, &g->s, buffer);
            add_tile(&at, j->scale, j->dense, &g->y, &g->s, x, g->e);
        }
    }
}

static void write_facts(const job *j, const group *g) {
    const fl_operand *op = j->call->op;
    for (ptrdiff_t l = 0; l < g->n; l++) {
        int counts = g->y.at[l] >= 0 || op[FL_TARGET].data;
        T correct = op[FL_CORRECT].data && counts && is_finite(g->logsumexp[l]) &&
                    is_correct(j->call, j->run, g->first + l, g->y.at[l], g->s.max[l], g->s.ties[l]);
        const struct { int role; T value; } fact[] = {
            {FL_CORRECT, correct}, {FL_ENTROPY, g->entropy[l]}, {FL_LOGSUMEXP, g->logsumexp[l]}};
        for (int f = 0; f < 3; f++)
            if (op[fact[f].role].data)
                store(row_of(j->run, fact[f].role, g->first + l), op[fact[f].role].type, 0, &fact[f].value, 1, 0);
    }
}

static void write_rows(const job *j, group *g, int per_class_output) {
    const fl_operand *op = j->call->op;
    int middle = op[FL_ENTROPY].data || op[FL_VECTOR].data;
    for (ptrdiff_t l = 0; l < (j->wide ? g->n : 1); l++) {
        place at = place_of(j, g, l);
        const T *kept = j->kept ? g->e + l * j->kept : NULL;
        if (j->shares) {
            second_pass_of_shares(at, j->scale, j->shares, &g->r, &g->y, kept);
            continue;
        }
        if (middle) middle_pass(&at, j->scale, &g->y, &g->r, g->entropy);
        if (per_class_output)
            second_pass(at, j->scale, &g->r, j->dense, j->general, &g->y, kept);
    }
}

static void softmax(const fl_call *call, const fl_run *run, int outer, const share_kernel *shares) {
    enum { KEPT = BATCH * TILE, CACHED = 8192 };
    T e[KEPT];
    group groups[BATCH];
    const fl_operand *op = call->op;
    const fl_softmax *p = &call->softmax;
    job j = {
        .call = call, .run = run,
        .scale = p->softcap != 0 ? 1 : (T)p->logit_scale,
        .dense = !shares && (op[FL_TARGET].data || p->smooth),
        .shares = shares, .outer = outer,
        .general = p->softcap != 0 || op[FL_HVP].data,
        .wide = !call->lanes_across,
    };
    j.general |= j.dense && op[FL_HESS].data;
    int per_class_output = op[FL_GRAD].data || op[FL_HESS].data || op[FL_HVP].data || op[FL_SOFTMAX].data || op[FL_LOG_SOFTMAX].data;
    int facts = op[FL_LOGSUMEXP].data || op[FL_ENTROPY].data || op[FL_CORRECT].data;
    ptrdiff_t padded = round_up(call->classes, LANES), at_once = LANES, batch = 1;
    if (!j.wide && call->classes <= CHUNKS) j.kept = TILE, batch = BATCH;
    if (j.wide) {
        /* Rows at once: what the exponentials kept allow, or as many as stay in the cache for a second look. */
        j.kept = padded <= TILE ? padded : 0;
        at_once = (j.kept ? KEPT : CACHED) / padded;
        batch = j.kept ? at_once / LANES : 1;
        batch = batch < 1 ? 1 : batch > BATCH ? BATCH : batch;
        at_once = at_once < 1 ? 1 : at_once > LANES ? LANES : at_once;
    }
    j.batch = batch * at_once;
    for (ptrdiff_t i = 0; i < batch; i++) target_sums_init(&groups[i].s);
    for (ptrdiff_t first = 0; first < run->n;) {
        ptrdiff_t n = 0;
        for (; n < batch && first < run->n; n++) {
            group *g = &groups[n];
            g->first = first;
            g->n = run->n - first < at_once ? run->n - first : at_once;
            g->e = e + n * (j.wide ? at_once * j.kept : j.kept);
            first += g->n;
            first_pass(&j, g);
        }
        rows_finish(call, j.scale, j.outer, groups, n);
        for (ptrdiff_t i = 0; i < n; i++) {
            group *g = &groups[i];
            T *value = (T *)run->value + g->first;
            for (ptrdiff_t l = 0; shares && l < (j.wide ? g->n : 1); l++)
                sum_shares(place_of(&j, g, l), j.scale, shares, &g->r, &g->y, j.kept ? g->e + l * j.kept : NULL, g->loss);
            for (ptrdiff_t l = 0; l < g->n; l++) value[l] = op[FL_LABEL].data && g->y.at[l] < 0 ? 0 : g->loss[l];
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            if (per_class_output || op[FL_ENTROPY].data) write_rows(&j, &groups[i], per_class_output);
            if (facts) write_facts(&j, &groups[i]);
        }
    }
    stream_fence(call->stream);
}

static void rows_cross_entropy(const fl_call *call, const fl_run *run) { softmax(call, run, NONE, NULL); }

/* Of a label, functions of the cross entropy; of a soft target, sums over the classes. */
static void rows_focal(const fl_call *call, const fl_run *run) {
    int soft = call->op[FL_TARGET].data != NULL;
    const share_kernel *shares = call->parameter[0] == 2 ? &focal_square_shares : &focal_shares;
    softmax(call, run, soft ? NONE : FOCAL, soft ? shares : NULL);
}

static void rows_poly_cross_entropy(const fl_call *call, const fl_run *run) {
    int soft = call->op[FL_TARGET].data != NULL;
    softmax(call, run, soft ? NONE : POLY, soft ? &poly_shares : NULL);
}

static void rows_generalized_cross_entropy(const fl_call *call, const fl_run *run) { softmax(call, run, GENERALIZED, NULL); }
static void rows_brier(const fl_call *call, const fl_run *run) { softmax(call, run, NONE, &brier_shares); }
static void rows_js_div_with_logits(const fl_call *call, const fl_run *run) { softmax(call, run, NONE, &js_shares); }

#endif
