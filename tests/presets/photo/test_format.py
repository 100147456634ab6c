"""docs/format.md is complete: a plain decoder of the entropy coder of preset `photo`, written from that page alone, agrees.

It shares nothing with the package but weights. So it also checks the arithmetic of mixing, counters and the network, in each
way in which builds compute them.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from rlcodec.core.adaptive import MOST_USES, WEIGHT_LIMIT
from rlcodec.presets.photo.allocation import ALLOCATIONS
from rlcodec.presets.photo.coding import PictureCoder
from rlcodec.presets.photo.coefficient_coder import COUNTERS
from rlcodec.presets.photo.installed import installed_weights
from rlcodec.presets.photo.settings import PREDICTORS

HALF, LIMIT = 32768, 2047
LAST = ((0, 1, 3, 6, 14), (0, 2, 6, 13, 30), (0, 4, 13, 27, 62))
GROUPS = {
    "more": 195840, "nonzero": 12096, "greater": 13824, "constant": 55296, "side": 1024, "more, by place": 36288,
    "more, by sides": 73728, "more, by sums": 11520, "nonzero, by place": 96768, "nonzero, by parts": 41472,
    "nonzero, by pattern": 31104, "greater, by place": 56448, "greater, by parts": 72576, "greater, by pattern": 64512,
    "nonzero, by logit": 1152, "greater, by logit": 8064,
}  # fmt: skip
FIRST = dict(zip(GROUPS, np.cumsum([0, *GROUPS.values()]).tolist(), strict=False))
NEXT = ((0, 1), (2, 3), (1, 0), (3, 2))
WHOLE = 16


def clip(number, low, high):
    return min(max(number, low), high)


def level(amount):
    if amount < 16:
        return 0
    d = int(amount).bit_length() - 1
    return min(4 * (d - 4) + ((amount >> (d - 2)) & 3) + 1, 47)


def logarithm(magnitude):
    return ((min(magnitude >> 2, 511) + 1) ** 64).bit_length() - 1


class Segment:
    """The range decoder."""

    def __init__(self, data):
        self.data, self.at = data, 6
        self.value, self.range = int.from_bytes(data[:6].ljust(6, b"\0")), 1 << 48

    def decision(self, p):
        bound = (self.range >> 16) * p
        bit = int(self.value < bound)
        if bit:
            self.range = bound
        else:
            self.value, self.range = self.value - bound, self.range - bound
        while self.range < 1 << 40:
            self.value = self.value << 8 | (self.data[self.at] if self.at < len(self.data) else 0)
            self.range, self.at = self.range << 8, self.at + 1
        return bit


class Strip:
    """A strip of areas, which `decode` fills slice by slice."""

    def __init__(self, weights, rows, columns):
        self.weights, self.rows, self.columns = weights, rows, columns
        self.p, self.uses = weights.counters.T.tolist()
        self.mixers = weights.mixers.tolist()
        self.stretched, self.squashed = weights.stretched.tolist(), weights.squashed.tolist()
        self.expected, self.relative = weights.expected.tolist(), weights.relative.tolist()
        self.values = np.zeros((rows, columns, 3, 1024), np.int16)
        self.splits, self.offsets, self.repairs = {}, {}, {}
        self.chroma = {}
        self.transforms = defaultdict(lambda: 1)
        self.bands = defaultdict(lambda: [0] * 64)
        self.means, self.differences = {}, defaultdict(int)

    def decode(self, data, index):
        self.segment, self.index, self.states = Segment(data), index, [0, 0, 0]
        self.tier = 1 + self.segment.decision(HALF) if self.segment.decision(HALF) else 0
        for y in range(self.rows):
            for x in range(self.columns):
                if index == 0:
                    self.choices(y, x)
                at = 0
                for t, row, column in self.blocks(self.splits[y, x]):
                    side = 8 << t
                    planes = [self.values[y, x, plane, at : at + side * side].reshape(side, side) for plane in range(3)]
                    at += side * side
                    self.t, self.n, self.side = t, 1 << t, side
                    self.row, self.column = 4 * y + row, 4 * x + column
                    self.R, self.I = self.relative[24 + self.offsets[y, x]], self.relative[24 - self.offsets[y, x]]
                    for plane in range(3):
                        self.plane, self.kind = plane, 3 * plane + t
                        if index:
                            self.coefficients([values.tolist() for values in planes], planes[plane])
                        else:
                            planes[plane][0, 0] = self.constant()

    @staticmethod
    def blocks(split):
        if split == WHOLE:
            yield 2, 0, 0
            return
        for quadrant in range(4):
            row, column = 2 * (quadrant >> 1), 2 * (quadrant & 1)
            if split >> quadrant & 1:
                yield from ((0, row + i, column + j) for i in range(2) for j in range(2))
            else:
                yield 1, row, column

    # Decisions.

    def follow(self, counter, bit):
        p = self.p[counter]
        distance = 65535 - p if bit else p
        distance -= (distance * (655360 // (10 * self.uses[counter] + 16))) >> 16
        self.p[counter] = 65535 - distance if bit else distance
        self.uses[counter] = min(self.uses[counter] + 1, 250)

    def coded(self, counter):
        bit = self.segment.decision(clip(self.p[counter], 32, 65504))
        self.follow(counter, bit)
        return bit

    def mixed(self, counters, numbers, first, second):
        inputs = [self.stretched[self.p[counter] >> 4] for counter in counters[:4]] + [*numbers, 256]
        z = 0
        for number, one, other in zip(inputs, self.mixers[first], self.mixers[second], strict=True):
            both = (one + other + (1 << 31)) % (1 << 32) - (1 << 31)
            z += number * clip(both >> 6, -32768, 32767)
        p = clip(self.squashed[clip(z >> 10, -LIMIT, LIMIT) + 2048], 32, 65504)
        bit = self.segment.decision(p)
        error = (65536 * bit - p) >> 1
        for which in (first, second):
            moved = [w + ((i * error + 32768) >> 16) for w, i in zip(self.mixers[which], inputs, strict=True)]
            self.mixers[which] = [(w + (1 << 31)) % (1 << 32) - (1 << 31) for w in moved]
        for counter in counters:
            self.follow(counter, bit)
        return bit

    def magnitude(self, chain, greater):
        for k in range(1, 15):
            if not greater(k):
                return k
        k = rest = 0
        while k < 14 and self.coded(chain + 15 + min(k, 12)):
            rest, k = rest + (1 << k), k + 1
        digits = 0
        for _ in range(k):
            digits = 2 * digits + self.segment.decision(HALF)
        return 15 + rest + digits

    def number_within(self, limit, f):
        f += FIRST["side"]
        if not self.coded(f):
            return 0
        sign, size = -1 if self.coded(f + 1) else 1, 1
        while size < limit and self.coded(f + 1 + min(size, 14)):
            size += 1
        return sign * size

    # The first slice.

    def choices(self, y, x):
        here, west, north = (y, x), (y, x - 1), (y - 1, x)
        side, row, column = FIRST["side"], 4 * y, 4 * x
        left = self.offsets.get(west, self.offsets.get(north, 0))
        above = self.offsets.get(north, left)
        predicted = (left + above) >> 1
        self.offsets[here] = clip(predicted + self.number_within(48, 16 * min(abs(left - above), 3)), -24, 24)

        def split_at(row, column, first):
            return self.coded(side + first + 4 * self.transforms[row, column - 1] + self.transforms[row - 1, column])

        split = WHOLE
        if split_at(row, column, 64):
            split = 0
            for quadrant in range(4):
                r, c = row + 2 * (quadrant >> 1), column + 2 * (quadrant & 1)
                small = split_at(r, c, 80)
                split |= small << quadrant
                self.transforms |= {(r + i, c + j): 1 - small for i in range(2) for j in range(2)}
        else:
            self.transforms |= {(row + i, column + j): 2 for i in range(4) for j in range(4)}
        self.splits[here] = split
        for c in range(2):
            left = self.chroma[west][c] if x else 0
            above = self.chroma[north][c] if y else left
            predicted = ((left if x else above) + above) >> 1
            f = 96 + 128 * c + 16 * min(abs(left - above), 2) + 48 * (predicted == 0)
            self.chroma.setdefault(here, []).append(clip(predicted + self.number_within(40, f), -20, 20))
        i = side + 400 + 3 * (3 * self.repairs.get(west, 1) + self.repairs.get(north, 1))
        self.repairs[here] = 1 + self.coded(i + 1) if self.coded(i) else 0

    def constant(self):
        plane, n, row, column = self.plane, self.n, self.row, self.column
        means = self.means

        def mean(r, c):
            return means.get((plane, r, c), 0)

        west = north = None
        if (plane, row, column - 1) in means:
            west = sum(mean(row + i, column - 1) for i in range(n)) >> self.t
        if (plane, row - 1, column) in means:
            north = sum(mean(row - 1, column + i) for i in range(n)) >> self.t
        around = 15
        if west is not None and north is not None:
            corner = mean(row - 1, column - 1)
            predicted = west + north - corner
            if corner >= max(west, north):
                predicted = min(west, north)
            elif corner <= min(west, north):
                predicted = max(west, north)
            gradient = abs(mean(row, column - 1) - corner) + abs(mean(row - 1, column) - corner)
            around = min(level(((gradient * self.side * self.I * 16) >> 12) + 1) // 3, 14)
        else:
            predicted = (west or 0) + (north or 0)
        predicted = (predicted * self.side * self.I + 32768) >> 16
        near = self.differences[plane, row, column - 1] + self.differences[plane, row - 1, column]
        near = min(level(128 * near + 1) // 4, 11)
        chain = FIRST["constant"] + 32 * (((plane * 3 + self.t) * 16 + around) * 12 + near)
        size = value = 0
        if self.coded(chain):
            size = self.magnitude(chain, lambda k: self.coded(chain + k))
            value = -size if self.segment.decision(HALF) else size
        value = clip(predicted + value, -32767, 32767)
        for i in range(n):
            for j in range(n):
                means[plane, row + i, column + j] = (((value * self.R) << 4) >> 12) // self.side
                self.differences[plane, row + i, column + j] = min(size, 400)
        return value

    # Other slices.

    def scaled(self, amount):
        return min((amount * self.I) >> 12, 32704)

    def bands_of(self, y, x):
        return self.bands[self.plane, self.row + y, self.column + x]

    def around(self):
        """By band of the slice, inputs 8 to 11 and 16 to 21 of the expected magnitude."""
        n, t = self.n, self.t
        left, above = (
            [self.scaled(sum(cell[band] for cell in cells) >> t) for band in range(64)]
            for cells in ([self.bands_of(i, -1) for i in range(n)], [self.bands_of(-1, i) for i in range(n)])
        )
        out = {}
        for band in range(64):
            row, column = band >> 3, band & 7
            if not self.first <= row + column <= self.last:
                continue
            beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            beside = [8 * r + c for r, c in beside if 0 <= r < 8 and 0 <= c < 8]
            inputs = [left[band], above[band], *(sum(of[b] for b in beside) >> 2 for of in (left, above))]
            inputs += [self.scaled(self.bands_of(*place)[band]) for place in ((-1, -1), (-1, n), (0, -2), (-2, 0))]
            lower = [0, 0]
            if self.index > 1 and band:
                wanted, diagonal = max(self.first - 1, 1), row + column
                i = (row * wanted + diagonal // 2) // diagonal
                low_band = 8 * i + max(wanted - i, 0)
                lower = [self.scaled(self.bands_of(*place)[low_band]) for place in ((0, n), (n, 0))]
            out[band] = inputs + lower
        return out

    def coefficients(self, planes, out):
        t, n, side, plane, kind, index = self.t, self.n, self.side, self.plane, self.kind, self.index
        low, high = LAST[t][index - 1] + 1, LAST[t][index]
        sliced = 4 * kind + index - 1
        self.first, self.last = max(low - n + 1, 0) >> t, high >> t
        values = planes[plane]

        def M(of, u, v):  # noqa: N802
            if not (0 <= u < side and 0 <= v < side) or u + v < max(low - 2, 1) or u + v > high:
                return 0
            return 32 * min(abs(planes[of][u][v]), 1022)

        def on_diagonal(of, d):
            return sum(M(of, u, d - u) for u in range(d + 1)) if d >= low - 2 else 0

        beyond, across = [0] * 17, [0] * 17
        for diagonal in range(14, -1, -1):
            bands = [8 * r + diagonal - r for r in range(8) if 0 <= diagonal - r < 8]
            left = sum(self.bands_of(i, -1)[band] for i in range(n) for band in bands)
            above = sum(self.bands_of(-1, i)[band] for i in range(n) for band in bands)
            if diagonal <= self.last:
                across[diagonal] = across[diagonal + 1] + ((left * self.I) >> (12 + t))
                beyond[diagonal] = beyond[diagonal + 1] + (((left + above) * self.I) >> (12 + t))
        rest = 0
        if plane == 0 and index > 1:
            wanted = max(self.first - 1, 1)
            bands = [8 * r + wanted - r for r in range(8) if 0 <= wanted - r < 8]
            rest = 2 * self.scaled_sum(sum(self.bands_of(*place)[band] for place in ((0, n), (n, 0)) for band in bands))
        totals = [[on_diagonal(of, d) for d in range(high + 2)] for of in range(plane)]
        near, sizes = self.around(), defaultdict(int)
        before, earlier = on_diagonal(plane, low - 1), 0
        for d in range(low, high + 1):
            b = d >> t
            if plane:
                rest = sum(totals[0][d:]) + (2 * sum(totals[1][d:]) if plane == 2 else 0)
            so_far = (2 if before <= 128 else 3) if before else int(earlier != 0)
            prior = 0
            if plane:
                s = totals[plane - 1][d] + totals[plane - 1][d + 1]
                prior = 1 if s == 0 else 2 if s <= 192 else 3
            steps, reach = min(d - low, 15), min(level(((8 * beyond[b]) << (2 * t)) // 4 + 1) // 3, 16)
            k = 16 * d // side
            frequency = k if k < 3 else 3 if k < 6 else 4 if k < 10 else 5 if k < 16 else 6
            first = FIRST["more"] + (((kind * 5 + index) * 16 + steps) * 17 + reach) * 16 + 4 * so_far + prior
            if self.tier == 0:
                more = self.coded(first)
            else:
                total, sides = n * n * beyond[b], n * n * across[b]
                left, above = min(level(sides) // 3, 15), min(level(total - sides) // 3, 15)
                counters = [
                    first,
                    FIRST["more, by place"] + ((kind * 63 + d) * 16 + min(level(rest // 4) // 2, 15)) * 4 + so_far,
                    FIRST["more, by sides"] + ((sliced * 16 + left) * 16 + above) * 8 + (steps >> 1),
                    FIRST["more, by sums"]
                    + ((sliced * 8 + (steps >> 1)) * 8 + min(before // 64, 7)) * 5
                    + min(earlier // 64, 4),
                ]
                numbers = 24 * level(total + 1) - 512, 20 * level(before) - 300, 20 * level(rest // 4 + 1) - 400
                more = self.mixed(counters, numbers, sliced, 36 + 17 * steps + reach)
            if not more:
                break
            for u in range(max(d - side + 1, 0), min(d, side - 1) + 1):
                v = d - u
                state = self.states[plane]
                shift = state & 1
                band = 8 * (u >> t) + (v >> t)
                inside = [
                    M(plane, u + i, v + j) for i, j in ((-2, 1), (-1, 0), (0, -1), (1, -2), (-2, 0), (-1, -1), (0, -2), (-1, 1))
                ]
                others = [0, 0, 0, 0]
                for of in range(plane):
                    beside = M(of, u, v - 1) + M(of, u, v + 1) + M(of, u - 1, v) + M(of, u + 1, v)
                    others[2 * of : 2 * of + 2] = M(of, u, v), beside >> 2
                inputs = [*inside, *near[band][:4], *others, *near[band][4:], 64]
                whole, inner, outer = (
                    max(sum(self.expected[which][plane][t][index][i] * inputs[i] for i in used), 0)
                    for which, used in enumerate((range(23), (*range(8), 22), range(8, 23)))
                )
                context = {
                    "level": level(whole >> 6),
                    "fine": level(whole >> 2),
                    "inside": level(inner >> 6),
                    "outside": level(outer >> 6),
                }
                g = None
                if self.tier == 2:
                    numbers = [(64 * u) >> t, (64 * v) >> t, 64 * shift, 16 * level(before)]
                    numbers += [16 * level(beyond[b] << (2 * t)), 16 * context["fine"], 16 * context["inside"]]
                    numbers += [16 * context["outside"], 16 * level(rest), 16 * level(earlier)]
                    seen = [inputs[i] for i in (*range(12), *range(16, 22), *range(12, 16))]
                    g = self.network([logarithm(x) for x in seen] + numbers, sliced)
                m = self.coefficient(context, inside, (u, v), frequency, sliced, shift, g)
                if m:
                    value = min(2 * m - shift, 32767)
                    values[u][v] = -value if self.segment.decision(HALF) else value
                    sizes[band] += value
                self.states[plane] = NEXT[state][m & 1]
            before, earlier = on_diagonal(plane, d), before
        out[:] = values
        for band, size in sizes.items():
            amount = min(self.bands_of(0, 0)[band] + ((32 * size * self.R) >> (12 + 2 * t)), 65000)
            for i in range(n):
                for j in range(n):
                    self.bands_of(i, j)[band] = amount

    def scaled_sum(self, amount):
        return (amount * self.I) >> 12

    def network(self, inputs, sliced):
        w = self.weights
        hidden = w.network_rows[sliced].astype(np.int64) + np.array(inputs) @ w.network_first.astype(np.int64)
        hidden = np.clip((hidden + 256) >> 9, 0, 1023) @ w.network_second.astype(np.int64) + w.network_second_bias
        logits = np.clip((hidden + 512) >> 10, 0, 1023) @ w.network_last.astype(np.int64) + w.network_last_bias
        return np.clip((logits + 256) >> 9, -LIMIT, LIMIT).tolist()

    def coefficient(self, context, inside, place, frequency, sliced, shift, g):
        """The magnitude of a coefficient, as its decisions say it."""
        kind, plane, (u, v) = self.kind, self.plane, place
        position = self.side * u + v + (0, 64, 320)[self.t]
        in_level, outside = context["inside"], context["outside"]
        at_edge, edge = int(u == 0 or v == 0), 1 if u == 0 else 2 if v == 0 else 0
        chain = FIRST["greater"] + 32 * (kind * 48 + context["level"])
        first = FIRST["nonzero"] + ((kind * 7 + frequency) * 48 + context["level"]) * 4 + at_edge + 2 * shift

        def node(k):
            return chain + (k + 28 if shift and k <= 2 else k)

        if self.tier == 0:
            return self.magnitude(chain, lambda k: self.coded(node(k))) if self.coded(first) else 0
        _, x, w, _, above, y, left, beside = inside

        def q(number, most):
            return min(number // 64, most)

        pattern = ((q(w, 2) * 3 + q(x, 2)) * 3 + q(y, 2)) * 3 + q(left, 2)
        pattern = (pattern * 2 + q(above, 1)) * 2 + q(beside, 1)
        counters = [
            first,
            FIRST["nonzero, by place"] + ((plane * 1344 + position) * 12 + (context["level"] >> 2)) * 2 + shift,
            FIRST["nonzero, by parts"] + ((sliced * 24 + (in_level >> 1)) * 24 + (outside >> 1)) * 2 + shift,
            FIRST["nonzero, by pattern"] + ((pattern * 3 + plane) * 16 + outside // 3) * 2 + shift,
        ]
        numbers = clip(24 * context["fine"] - 500, -LIMIT, LIMIT), 24 * outside - 384, 0
        one = ((3 * sliced + edge) * 4 + min(q(w, 2) + q(x, 2), 3)) * 2 + shift
        if g is None:
            nonzero = self.mixed(counters, numbers, 308 + one, 1172 + 9 * context["level"] + kind)
        else:
            counters.append(FIRST["nonzero, by logit"] + (64 * kind + ((g[0] + 2048) >> 6)) * 2 + shift)
            numbers = g[0], self.stretched[self.p[counters[4]] >> 4], 24 * outside - 384
            nonzero = self.mixed(counters, numbers, 3404 + one, 4268 + 9 * ((48 * (g[0] + 2048)) >> 12) + kind)
        if not nonzero:
            return 0
        pattern = ((q(w, 3) * 4 + q(x, 3)) * 4 + q(y, 3)) * 3 + q(beside, 2)

        def greater(k):
            counters = [
                node(k),
                FIRST["greater, by place"] + (plane * 1344 + position) * 14 + k - 1,
                FIRST["greater, by parts"] + ((kind * 24 + (in_level >> 1)) * 24 + (outside >> 1)) * 14 + k - 1,
                FIRST["greater, by pattern"] + ((pattern * 3 + plane) * 8 + outside // 6) * 14 + k - 1,
            ]
            if g is None:
                numbers = clip(24 * context["fine"] - 600, -LIMIT, LIMIT), 24 * outside - 500, 0
                second = 2108 + (48 * min(k - 1, 2) + context["level"]) * 9 + kind
                return self.mixed(counters, numbers, 1604 + 14 * sliced + k - 1, second)
            counters.append(FIRST["greater, by logit"] + (64 * kind + ((g[k] + 2048) >> 6)) * 14 + k - 1)
            numbers = g[k], self.stretched[self.p[counters[4]] >> 4], 24 * outside - 500
            second = 5204 + (48 * min(k - 1, 2) + ((48 * (g[k] + 2048)) >> 12)) * 9 + kind
            return self.mixed(counters, numbers, 4700 + 14 * sliced + k - 1, second)

        return self.magnitude(chain, greater)


def segments_of(payload):
    """The five segments of a payload of one strip that has no raster layer."""
    at, lengths = 3, []
    for _ in range(6):
        length = shift = 0
        while True:
            length, shift, at = length | (payload[at] & 127) << shift, shift + 7, at + 1
            if payload[at - 1] < 128:
                break
        lengths.append(length)
    assert lengths[0] == 0
    starts = np.cumsum([at, *lengths[1:]])
    return [payload[start : start + length] for start, length in zip(starts, lengths[1:], strict=False)]


@pytest.fixture(scope="module")
def weights():
    """The installed ones, with a network whose nodes all predict something."""
    rng, installed = np.random.default_rng(7), installed_weights()
    scales = {"first": 200, "rows": 20_000, "second": 400, "second_bias": 20_000, "last": 700, "last_bias": 100_000}
    arrays = {f"network_{name}": scale for name, scale in scales.items()}
    network = {
        name: np.rint(rng.normal(0, scale, getattr(installed, name).shape)).astype(getattr(installed, name).dtype)
        for name, scale in arrays.items()
    }
    return replace(installed, **network)


def check(weights, picture, predictor, gain, kind):
    coded = PictureCoder(weights, picture, predictor=predictor, raster_areas=False).code(gain, ALLOCATIONS[kind], keep=True)
    rows, columns = coded.areas.splits.shape
    strip = Strip(weights, rows, columns)
    for index, data in enumerate(segments_of(coded.payload())):
        strip.decode(data, index)
    assert np.array_equal(strip.values, coded.areas.values)
    places = [(y, x) for y in range(rows) for x in range(columns)]
    assert [strip.splits[place] for place in places] == coded.areas.splits.ravel().tolist()
    assert [strip.offsets[place] for place in places] == coded.areas.offsets.ravel().tolist()
    assert [strip.chroma[place] for place in places] == coded.areas.chroma.reshape(-1, 2).tolist()
    assert [strip.repairs[place] for place in places] == coded.areas.repairs.ravel().tolist()
    return coded.areas


@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize(("gain", "kind"), [(170, "psnr"), (250, "ssimulacra2")])
def test_a_decoder_written_from_the_page_reads_streams(photograph, weights, predictor, gain, kind):
    areas = check(weights, np.ascontiguousarray(np.asarray(photograph)[60:130, 100:164]), predictor, gain, kind)
    assert {size for split in areas.splits.flat for size, _, _ in Strip.blocks(split)} >= {1, 2}


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_it_reads_streams_of_extreme_weights_and_magnitudes(weights, predictor):
    """Mixing weights at their limits, counters that are sure or have many uses, magnitudes of many digits."""
    rng = np.random.default_rng(8)
    extreme = replace(
        weights,
        counters=rng.integers(0, [1 << 16, MOST_USES + 1], (COUNTERS, 2)).astype(np.uint16),
        mixers=rng.choice([-WEIGHT_LIMIT, -1000, 1000, WEIGHT_LIMIT], weights.mixers.shape).astype(np.int32),
    )
    picture = rng.integers(0, 2, (20, 33, 3), np.uint8) * 255
    assert np.abs(check(extreme, picture, predictor, 20, "psnr").values).max() > 2 * 15 * 8
