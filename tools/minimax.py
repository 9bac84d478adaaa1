"""Print the constants of src/base/elementary.h: `pip install mpmath`, then `python tools/minimax.py`.

The output is the block there from TANH_NEAR to #endif, to be pasted whole. Each polynomial is the weighted
minimax one (Remez 1934), its coefficients rounded to T one at a time, lowest power first, the rest fitted
again after each: what a rounded coefficient spoils, the next ones repair. The largest error of each, relative
to the function it serves, goes to stderr.
"""

import sys

from mpmath import (
    asinh,
    cos,
    exp,
    ldexp,
    linspace,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    pi,
    polyval,
    sinh,
    sqrt,
    tanh,
)

mp.dps = 60
DIGITS = {32: 24, 64: 53}
TANH_NEAR, SINH_NEAR = 0.625, 1.25  # below, a polynomial; above, exponentials
RANGE = {32: (-126, 128), 64: (-1022, 1024)}


def to_bits(x, bits):
    """x rounded to that many significant bits."""
    with mp.workprec(bits):
        return +x


def remez(target, weight, low, high, count):
    """The `count` coefficients, lowest power first, minimising max |weight (p - target)|; that maximum."""
    grid = [low + (high - low) * (1 - cos(pi * i / 600)) / 2 for i in range(601)]
    grid = [x for x in grid if abs(x) > (high - low) / 100]  # every weight is 0 at 0: no peak lies there
    values, weights = [target(x) for x in grid], [weight(x) for x in grid]
    nodes = [round((len(grid) - 1) * (1 - cos(pi * i / count)) / 2) for i in range(count + 1)]
    for _ in range(30):
        rows = [[grid[k] ** j for j in range(count)] + [(-1) ** i / weights[k]] for i, k in enumerate(nodes)]
        solution = lu_solve(matrix(rows), matrix([values[k] for k in nodes]))
        coefficients = list(solution[:count])
        error = [w * (polyval(coefficients[::-1], x) - v) for x, v, w in zip(grid, values, weights)]
        peaks = []  # the largest error between two sign changes
        for i, e in enumerate(error):
            if peaks and (error[peaks[-1]] > 0) == (e > 0):
                peaks[-1] = max(peaks[-1], i, key=lambda k: abs(error[k]))
            else:
                peaks.append(i)
        while len(peaks) > count + 1:
            least = min(range(len(peaks)), key=lambda i: abs(error[peaks[i]]))
            if 0 < least < len(peaks) - 1 and len(peaks) > count + 2:
                least -= abs(error[peaks[least - 1]]) < abs(error[peaks[least + 1]])
                del peaks[least : least + 2]  # with a neighbour: the signs must go on alternating
            else:
                peaks.remove(min(peaks[0], peaks[-1], key=lambda k: abs(error[k])))
        if len(peaks) < count + 1 or max(map(abs, error)) < abs(solution[count]) * mpf("1.001"):
            break
        nodes = peaks
    return coefficients, max(map(abs, error))


def rounded(target, weight, low, high, count, digits):
    """The same, in coefficients of that many significant bits."""
    done = []
    while len(done) < count:

        def rest(x):
            return (target(x) - polyval(done[::-1] or [0], x)) / x ** len(done)

        fit, _ = remez(rest, lambda x: weight(x) * abs(x) ** len(done), low, high, count - len(done))
        done.append(to_bits(fit[0], digits))
    grid = [x for x in linspace(low, high, 999) if x]
    return done, max(abs(weight(x) * (polyval(done[::-1], x) - target(x))) for x in grid)


def decimal(x, bits):
    text = f"{float(x):.9g}" if bits == 32 else repr(float(x))
    return text + (".0" if text.lstrip("-").isdigit() else "") + "f" * (bits == 32)


def table(name, bits, *fit):
    coefficients, error = rounded(*fit, DIGITS[bits])
    print(f"{name} {bits}: 2^{float(log(error, 2)):.2f}", file=sys.stderr)
    line = f"static const T {name}[] = {{"
    for c in coefficients[::-1]:
        if len(line) - line.rfind("\n") + len(decimal(c, bits)) > 106:
            line = line.rstrip() + "\n" + " " * 8
        line += decimal(c, bits) + ", "
    print(line.rstrip(", ") + "};")


def limit(name, x, bits, upwards):
    """The nearest T at or above (below) x."""
    step = ldexp(1, int(mp.floor(log(abs(x), 2))) + 1 - DIGITS[bits])
    print(f"#define {name} {decimal((mp.ceil if upwards else mp.floor)(x / step) * step, bits)}")


def constants(bits, exp_count, log_count, unit_count, tanh_count, sinh_count):
    digits, (lowest, highest) = DIGITS[bits], RANGE[bits]
    ln2_hi = to_bits(log(2), {32: 16, 64: 42}[bits])
    print(f"#define FRACTION {digits - 1}")
    print(f"#define BIAS {highest - 1}")
    print(f"#define LOG2E {decimal(to_bits(1 / log(2), digits), bits)}")
    print(f"#define LN2_HI {decimal(ln2_hi, bits)}")
    print(f"#define LN2_LO {decimal(to_bits(log(2) - ln2_hi, digits), bits)}")
    print(f"#define SQRT_HALF {decimal(to_bits(sqrt(mpf(1) / 2), digits), bits)}")
    limit("EXP_LOW", lowest * log(2), bits, True)
    top = ldexp(1, highest) * (1 - ldexp(1, -digits - 1))
    limit("EXP_HIGH", log(top), bits, False)
    limit("SINH_HIGH", asinh(top), bits, False)
    half = log(2) / 2 * mpf("1.0001")
    table("EXP", bits, lambda r: (exp(r) - 1 - r) / r**2, lambda r: r**2 / exp(r), -half, half, exp_count)
    s2 = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2
    for name, end, count in (("LOG", s2, log_count), ("LOG1P", mpf(1) / 9, unit_count)):
        table(
            name,
            bits,
            lambda z: (log((1 + sqrt(z)) / (1 - sqrt(z))) / sqrt(z) - 2) / z,
            lambda z: z / 2,
            mpf(0),
            end,
            count,
        )
    for name, f, end, count in (("TANH", tanh, TANH_NEAR, tanh_count), ("SINH", sinh, SINH_NEAR, sinh_count)):
        table(
            name,
            bits,
            lambda z, f=f: (f(sqrt(z)) / sqrt(z) - 1) / z,
            lambda z, f=f: z * sqrt(z) / f(sqrt(z)),
            mpf(0),
            end**2,
            count,
        )


if __name__ == "__main__":
    print(f"#define TANH_NEAR (T){TANH_NEAR}\n#define SINH_NEAR (T){SINH_NEAR}\n")
    print("#if FL_BITS == 32")
    constants(32, 5, 4, 4, 5, 4)
    print("#else")
    constants(64, 10, 7, 10, 11, 8)
    print("#endif")
