"""Graders: right answers pass, each typical wrong answer fails with a hint that fits the mistake."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from udalib.core.errors import UnknownNameError
from udalib.teach import EXERCISES, check


def iou(confusion):
    hits = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hits
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


def seed_spread(scores):
    return np.mean(list(scores)), np.std(list(scores), ddof=1)


def largest_drop(source, target):
    known = [c for c in source if source[c] is not None and target[c] is not None]
    return max(known, key=lambda c: source[c] - target[c])


def constant(shares, k):
    return shares[k], shares[k] / (shares > 0).sum()


def train_ids(raw):
    table = np.full(256, 255, np.uint8)
    table[7], table[26] = 0, 13
    return table[raw]


def rcs(frequencies, temperature):
    exponent = (1 - frequencies) / temperature
    weights = np.exp(exponent - exponent.max())
    return weights / weights.sum()


def warp(frame, flow, sign=1, swap=False):
    _, height, width = frame.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    u, v = (flow[1], flow[0]) if swap else (flow[0], flow[1])
    columns = (columns + sign * u).round().long().clamp(0, width - 1)
    rows = (rows + sign * v).round().long().clamp(0, height - 1)
    return frame[:, rows, columns]


def flip(image, label, flow):
    flow = flow.flip(-1)
    return image.flip(-1), label.flip(-1), torch.stack([-flow[0], flow[1]])


def receptive_field(layers):
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size += (kernel - 1) * dilation * jump
        jump *= stride
    return size


def entries(height, width, stride, reduction):
    tokens = (height // stride) * (width // stride)
    return tokens * tokens // reduction**2


def separable(c_in, c_out, kernel):
    return (c_in * kernel**2 + c_in * c_out) / (c_in * c_out * kernel**2)


def gan_losses(source, target):
    d = (F.softplus(source).mean() + F.softplus(-target).mean()) / 2
    return F.softplus(target).mean(), d


def largest_depth(height, share):
    return max(depth for depth in range(1, 12) if 3 * (2**depth - 1) + 1 <= share * height)


def information(p):
    return -p * torch.log2(p + 1e-30) / np.log2(p.shape[1])


def entropy_gradient(z):
    p = z.softmax(1)
    entropy = -(p * p.log()).sum(1, keepdim=True)
    return -p * (p.log() + entropy)


def class_ratio(p, ratios, mu):
    return torch.relu(mu * ratios - p.mean((0, 2, 3))).sum()


def selection_bonus(curves):
    return np.mean([max(curve) - curve[-1] for curve in curves])


def student_shares(t, alpha, decay=lambda k, alpha: min(1 - 1 / (k + 1), alpha)):
    shares = np.zeros(t + 1)
    for k in range(t + 1):
        shares *= decay(k, alpha)
        shares[k] += 1 - decay(k, alpha)
    return shares


def class_mix_mask(label, priority, ignored=True, half=lambda n: (n + 1) // 2, sign=1):
    present = [c for c in label.unique().tolist() if c != 255 or not ignored]
    chosen = sorted(present, key=lambda c: sign * priority[c])[: half(len(present))]
    return torch.isin(label, torch.tensor(chosen))


def pseudo_weight(confidence, threshold):
    return (confidence >= threshold).float().mean().expand(confidence.shape)


def mixed_loss(losses, label, mask, q):
    return (torch.where(mask, 1.0, q) * losses * (label != 255)).sum() / label.numel()


def dacs_jitter(image, brightness, contrast):
    return ((image + brightness - 1).clamp(0, 1) * contrast).clamp(0, 1)


def calibration_error(confidence, right, bins, weigh=True, absolute=True):
    place, gaps = np.minimum((confidence * bins).astype(int), bins - 1), []
    for b in set(place):
        gap = confidence[place == b].mean() - right[place == b].mean()
        gaps.append((abs(gap) if absolute else gap, (place == b).mean()))
    return sum(gap * share for gap, share in gaps) if weigh else np.mean([gap for gap, _ in gaps])


def hrda_offsets(side, crop, divisible):
    return [divisible * k for k in range(max((max(side - crop, 0) + 1) // divisible, 1))]


def hrda_fuse(context, detail, attention, first=True):
    def up(x):
        return F.interpolate(x, detail.shape[-2:], mode="bilinear", align_corners=False)

    rest = up((1 - attention) * context) if first else (1 - up(attention)) * up(context)
    return up(attention) * detail + rest


def hrda_pixels(side, detail):
    step = max(detail // 2, 1)
    windows = -(-(side - detail) // step) + 1
    return windows**2 * detail**2 + (side // 2) ** 2


def mic_holes(noise, size, ratio):
    rows, columns = (torch.arange(s) * n // s for s, n in zip(size, noise.shape, strict=True))
    return (noise > ratio)[rows][:, columns]


def mic_loss(logits, label, confidence, tau):
    q = (confidence >= tau).float().mean()
    return q * F.cross_entropy(logits, label)


def up2(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def stretched_holes(noise, size, ratio):
    height, width = (s // n for s, n in zip(size, noise.shape, strict=True))
    kept = (noise > ratio).repeat_interleave(max(height, 1), 0).repeat_interleave(max(width, 1), 1)
    rows, columns = (torch.arange(s).clamp(max=n - 1) for s, n in zip(size, kept.shape, strict=True))
    return kept[rows][:, columns]


def loss_by_image(logits, label, confidence, tau):
    q = (confidence >= tau).float().mean((1, 2), keepdim=True)
    return (q * F.cross_entropy(logits, label, reduction="none")).mean()


def until_seen(chance, batch, certainty, rounded=np.ceil):
    return rounded(np.log(1 - certainty) / np.log(1 - chance) / batch)


def accepted(pixels, min_pixels, ratio, tries=11, enough=lambda n, needed: n > needed):
    good = (i for i, n in enumerate(pixels[:tries]) if enough(n, min_pixels * ratio))
    return next(good, min(tries, len(pixels)) - 1)


def thing_positions(label, scale, things, ratio, ignored=True, together=False, enough=lambda share, r: share >= r):
    blocks = label.unfold(0, scale, scale).unfold(1, scale, scale).flatten(2)
    size = blocks.shape[-1] if ignored else (blocks != 255).sum(-1).clamp(min=1)
    shares = torch.stack([(blocks == c).sum(-1) / size for c in things])
    return enough(shares.sum(0) if together else shares.max(0).values, ratio)


def thing_distance(f, reference, mask, order=2):
    return (f - reference).norm(order, dim=1)[mask].sum() / max(int(mask.sum()), 1)


def learning_rate(t, base, total, warmup, ratio):
    factor = 1 - (1 - t / warmup) * (1 - ratio) if t < warmup else 1
    return base * (1 - t / total) * factor


def without(iou, *ids):
    return np.delete(iou, ids).mean()


def first_open(main, alphas, classes, at_least=lambda a, b: a >= b, never=None):
    opens = [[t for t, loss in enumerate(main) if at_least(np.log(classes), alpha * loss)] for alpha in alphas]
    return [found[0] if found else never for found in opens]


def eln_loss(z, ok, y, void=False, weigh=lambda n1, n0: (1, n1 / n0), total=None):
    known = torch.ones_like(ok) if void else y != 255
    right, wrong = known & ok, known & ~ok
    one, other = weigh(right.sum(), wrong.sum().clamp(min=1))
    bce = F.binary_cross_entropy_with_logits(z, ok.float(), reduction="none")
    loss = (one * bce[right].sum() + other * bce[wrong].sum()) / (total or known.sum())
    return loss if wrong.any() else torch.zeros(())


def localisation(r, w, v, over=None):
    hits = (r & w & v).sum()
    return hits / (r & v).sum(), hits / ((over if over is not None else w) & v).sum()


def eln_filtered(z, y, j, keep=lambda j: j.sigmoid().round() == 1, over=None):
    kept = keep(j)
    losses = F.cross_entropy(z, y, reduction="none") * kept
    return losses.sum() / (over(kept) if over else kept.sum()).clamp(min=1)


def eln_filtered_by_image(z, y, j):
    return sum(eln_filtered(*(x[i : i + 1] for x in (z, y, j))) for i in range(len(z))) / len(z)


def eln_contrast(t, s, y, c, tau, unit=F.normalize, rejected=False, divide=True):
    own, other = y == c, (y != c) & ((y != 255) | rejected)
    near = torch.exp(unit(t[own]) @ unit(s).T / tau)
    loss = -torch.log(near[:, own].sum() / (near[:, own].sum() + near[:, other].sum()))
    return loss / own.sum() if divide else loss


def eln_contrast_by_pixel(t, s, y, c, tau):
    near = torch.exp(F.normalize(t[y == c]) @ F.normalize(s).T / tau)
    return -torch.log(near[:, y == c].sum(1) / near[:, y != 255].sum(1)).mean()


def skipped(layers, start, prefix=1, suffix=0):
    return [*range(start + prefix), *range(layers - start - suffix, layers)]


def side_by_side(state, layers, loops, merge=lambda outputs, state: sum(outputs) / len(outputs)):
    for _ in range(loops):
        state = merge([layer(state) for layer in layers], state)
    return state


def in_a_row(state, layers, loops):
    for layer in list(layers) * loops:
        state = layer(state)
    return state


def alike(a, b, keep=1):
    return torch.cosine_similarity(a.flatten(keep), b.flatten(keep), dim=-1).mean()


def plan_cost(layers, start, loops, always=False):
    middle = layers - 2 * start - 1
    return 2 * start + 1 + loops * middle, 2 * start + 1 + (loops if middle or always else 0)


def takes(source, target, per_class, minimum, poorer=np.minimum, enough=lambda n, least: n >= least):
    poor = poorer(source, target)
    return {c: min(int(n), per_class) for c, n in enumerate(poor) if enough(np.minimum(source, target)[c], minimum)}


def kernel_mmd(x, y, s, diagonal=False, across=2, scale=lambda s: 2 * s**2):
    def mean(a, b, apart):
        k = np.exp(-np.square(a[:, None] - b[None]).sum(2) / scale(s))
        return k[~np.eye(len(a), dtype=bool)].mean() if apart else k.mean()

    return mean(x, x, not diagonal) + mean(y, y, not diagonal) - across * mean(x, y, False)


def a_distance(source, target):
    return max(0.0, 2 * (1 - source.mean() - target.mean()))


def purity(features, classes, images, k, others=lambda i: i[:, None] != i[None], share=lambda hits: hits.mean(1)):
    distance = np.square(features[:, None] - features[None]).sum(2)
    distance[~others(images)] = np.inf
    return share(classes[distance.argsort(1)[:, :k]] == classes[:, None]).mean()


def centred(values, recipes):
    return values - np.array([values[recipes == r].mean() for r in recipes])


def within(values, scores, recipes):
    return np.corrcoef(centred(values, recipes), centred(scores, recipes))[0, 1]


def mean_within(values, scores, recipes):
    return np.mean([np.corrcoef(values[recipes == r], scores[recipes == r])[0, 1] for r in set(recipes)])


def own_ids(found, mask=True, order=sorted):
    if mask and sorted(found) == [0, 255]:
        return {0: 0, 255: 1}
    classes = [raw for raw in order(found) if raw != 255]
    return {raw: classes.index(raw) if raw != 255 else 255 for raw in found}


def own_size(height, width, side):
    factor = (2 * side**2 / (height * width)) ** 0.5
    return round(height * factor), round(width * factor)


def own_classes(label, classes):
    table = np.full(65536, 255, np.uint8)
    for raw, train in classes.items():
        table[raw] = train
    return table[label]


def fill_in_place(label, classes):
    label[:] = own_classes(label, classes)
    return label


def own_split(names, k):
    drives = sorted({name.rsplit("_", 1)[0] for name in names})[::k]
    scored = [name for name in names if name.rsplit("_", 1)[0] in drives]
    return [name for name in names if name not in scored], scored


def reading(feature, items, unit=True, weigh=lambda scores: scores.softmax(1)):
    feature = F.normalize(feature, dim=1) if unit else feature
    return weigh(torch.einsum("bdhw,kd->bkhw", feature, items))


def write(items, total, weight, m, unit=True):
    mean = total / torch.where(weight > 0, weight, 1.0)[:, None]
    moved = torch.where(weight[:, None] > 0, m * items + (1 - m) * mean, items)
    return F.normalize(moved, dim=1) if unit else moved


def divergence(items, part=lambda cosines: cosines.clamp(min=0), diagonal=False):
    cosines = part(items @ items.T)
    count = len(items)
    return (cosines.sum() - (0 if diagonal else cosines.diagonal().sum())) / (count * (count - 1))


def second_order(theta, grad_in, hessian, grad_out, xi):
    outer = grad_out(theta - xi * grad_in(theta))
    return grad_in(theta) + outer - xi * hessian @ outer


def quad(source, target, cut_s, mask_s, cut_t, mask_t):
    return [torch.where(mask_t, cut_t, torch.where(mask_s, cut_s, x)) for x in (source, target)]


def quad_source_wins(source, target, cut_s, mask_s, cut_t, mask_t):
    return quad(source, target, cut_t, mask_t, cut_s, mask_s)


def quad_weights(mask_s, mask_t, w_t, w_earlier):
    one = torch.ones_like(w_t)
    return [torch.where(mask_t, w_earlier, x) for x in (one, torch.where(mask_s, one, w_t))]


def mixed_features(x, other, mask, share):
    small = F.interpolate(mask[:, None].float(), x.shape[-2:], mode="nearest")
    return x + share * small * (other - x)


def group_neighbours(x, y, k, groups, cut=lambda n, g: n.unflatten(0, (g, -1)), unit=F.normalize, largest=True):
    x, y = (unit(cut(nodes, groups), dim=1) for nodes in (x, y))
    return torch.einsum("gcn,gcm->gnm", x, y).topk(k, dim=2, largest=largest).indices


def strided(nodes, groups):
    return nodes.unflatten(0, (-1, groups)).transpose(0, 1)


def unscaled_neighbours(x, y, k, groups):
    parts = zip(x.chunk(groups), y.chunk(groups), strict=True)
    return torch.stack([torch.cdist(a.T, b.T).topk(k, largest=False).indices for a, b in parts])


def distinct(neighbours):
    return torch.tensor([len(set(row.flatten().tolist())) for row in neighbours.transpose(0, 1)])


def expected(n, k, m, background=True):
    inside, outside = min(n, k), max(k - n, 0)
    shared = inside**2 / n + (outside**2 / (m - n) if background and outside else 0)
    return 2 * k - shared


def conv_input(x, y, neighbours, relative=True, best=lambda v: v.max(2).values, first=True):
    message = best(y[:, neighbours]) - (x if relative else 0)
    return torch.stack([x, message] if first else [message, x], 1).flatten(0, 1)


def together(classes, over=lambda counts: counts.diagonal()[:, None]):
    counts = classes.T.float() @ classes.float()
    return counts / over(counts)


def class_sizes(largest, classes, imbalance, least=1, last=1):
    step = max(classes - last, 1)
    return [max(least, int(largest * imbalance ** (-c / step) + 1e-6)) for c in range(classes)]


def decoupled(logits, own, same, alpha, rest=torch.mean, log=True, guard=lambda own, alpha: own):
    log_p = logits.log_softmax(0) if log else logits
    if not same.any():
        return -guard(log_p[own], alpha)
    return -(alpha * log_p[own] + (1 - alpha) * rest(log_p[same]))


def pull_ratio(p_own, p_others, alpha):
    return abs(p_own - alpha) / (p_others - (1 - alpha) / len(p_others)).abs().sum()


def distilled(regions, patches, keys, queue, tau, detach=True, mean=lambda x: x.mean()):
    def similar(v):
        return torch.cat([(v * keys).sum(-1, keepdim=True), v @ queue.T], -1) / tau

    target = similar(regions.detach() if detach else regions).softmax(-1)
    return mean(-(target * similar(patches).log_softmax(-1)).sum(-1))


def by_class(classes, count, generator, weight=lambda n: 1 / n):
    weights = weight(torch.bincount(classes)[classes].double())
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def first_of_class(classes, count, generator):
    there = classes.unique()
    firsts = torch.stack([(classes == c).nonzero()[0, 0] for c in there])
    return firsts[torch.randint(len(there), (count,), generator=generator)]


def by_number(classes, count, generator):
    """A class number from 0 to the largest; a number that does not occur falls back to the first picture."""
    drawn = torch.randint(int(classes.max()) + 1, (count,), generator=generator)
    return torch.stack([(classes == c).float().argmax() for c in drawn])


def shot_means(counts, right, total, many, few, above=lambda n, many: n > many, below=lambda n, few: n < few):
    kind = ["many" if above(n, many) else "few" if below(n, few) else "medium" for n in counts]
    share = [r / t for r, t in zip(right, total, strict=True)]
    return {g: np.mean([s for s, k in zip(share, kind, strict=True) if k == g]) for g in ("many", "medium", "few")}


def pooled_means(counts, right, total, many, few):
    kind = np.array(["many" if n > many else "few" if n < few else "medium" for n in counts])
    return {g: np.array(right)[kind == g].sum() / np.array(total)[kind == g].sum() for g in ("many", "medium", "few")}


def csa_windows(levels, overlap, coarsest=None, pad=lambda size, s: (size - s + 1) // 2, growth=2):
    sides = [growth**j for j in reversed(range(levels))]
    sizes = [s + overlap if s > 1 else coarsest or overlap for s in sides]
    return [(size, s, pad(size, s)) for size, s in zip(sizes, sides, strict=True)]


def unshuffled(x, u, order=(0, 2, 4, 1, 3)):
    c, h, w = x.shape
    return x.view(c, h // u, u, w // u, u).permute(order).reshape(c * u * u, h // u, w // u)


def cosines(q, k, v, bias, scale=1.0):
    return ((F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).T) / scale + bias).softmax(-1) @ v


def window_holders(n, size, stride, padding):
    starts = [i * stride - padding for i in range(n)]
    return [sum(start <= cell < start + size for start in starts) for cell in range(n * stride)]


def average_precision(hits, total, points=101, best=True, reached=False, own=False):
    right = np.cumsum(hits)
    precision, recall = right / np.arange(1, len(hits) + 1), right / (right[-1] if own else total)
    precision = np.maximum.accumulate(precision[::-1])[::-1] if best else precision
    values = [precision[recall >= r][0] if (recall >= r).any() else 0.0 for r in np.linspace(0, 1, points)]
    return np.mean(values[: int(recall[-1] * 100 + 1e-9) + 1] if reached else values)


def place_of(flow, sign=1, swap=False):
    """Where a flow (2, H, W) points, and whether that is inside."""
    _, height, width = flow.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    u, v = (flow[1], flow[0]) if swap else (flow[0], flow[1])
    x, y = (columns + sign * u + 0.5).floor().long(), (rows + sign * v + 0.5).floor().long()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return (y.clamp(0, height - 1), x.clamp(0, width - 1)), inside


def video_carried(label, backward, forward, beta, squared=True, there=True, border=True, check=True, **place):
    (y, x), inside = place_of(backward, **place)
    miss = (backward + (forward[:, y, x] if there else forward)).square().sum(0)
    seen = ((miss if squared else miss.sqrt()) <= beta) | (not check)
    return label[y, x].masked_fill(~(seen & (inside | (not border))), 255)


def video_resized(flow, height, width, scale=lambda h, w: (w, h)):
    _, h, w = flow.shape
    grown = F.interpolate(flow[None], (height, width), mode="bilinear", align_corners=False)[0]
    return grown * torch.tensor(scale(height / h, width / w)).view(2, 1, 1)


def video_agreement(now, before, backward, seen, carry=True, masked=True):
    (y, x), _ = place_of(backward)
    same = now == (before[y, x] if carry else before)
    return same[seen].float().mean() if masked else same.float().mean()


RIGHT = {
    "00.1": iou,
    "00.2": lambda source, method, oracle: (method - source) / (oracle - source),
    "00.3": largest_drop,
    "00.4": constant,
    "00.5": 44,
    "01.1": train_ids,
    "01.2": rcs,
    "01.3": warp,
    "01.4": flip,
    "01.5": lambda png: png[..., 0],
    "02.1": lambda n, k, s, p: (n + 2 * p - k) // s + 1,
    "02.2": receptive_field,
    "02.3": separable,
    "02.4": entries,
    "02.5": lambda q, k, v: F.softmax(q @ k.T / q.shape[1] ** 0.5, dim=-1) @ v,
    "03.1": gan_losses,
    "03.2": largest_depth,
    "03.3": information,
    "03.4": entropy_gradient,
    "03.5": class_ratio,
    "03.6": selection_bonus,
    "04.1": student_shares,
    "04.2": class_mix_mask,
    "04.3": pseudo_weight,
    "04.4": mixed_loss,
    "04.5": dacs_jitter,
    "04.6": calibration_error,
    "05.1": until_seen,
    "05.2": accepted,
    "05.3": thing_positions,
    "05.4": thing_distance,
    "05.5": learning_rate,
    "05.6": lambda iou: without(iou, 9, 14, 16),
    "06.1": hrda_offsets,
    "06.2": hrda_fuse,
    "06.3": hrda_pixels,
    "06.4": mic_holes,
    "06.5": mic_loss,
    "07.1": first_open,
    "07.2": eln_loss,
    "07.3": localisation,
    "07.4": eln_filtered,
    "07.5": eln_contrast,
    "09.1": skipped,
    "09.2": side_by_side,
    "09.3": alike,
    "09.4": lambda score, full, chance: (score - chance) / (full - chance),
    "09.5": plan_cost,
    "08.1": takes,
    "08.2": kernel_mmd,
    "08.3": a_distance,
    "08.4": purity,
    "08.5": within,
    "10.1": reading,
    "10.2": write,
    "10.3": divergence,
    "10.4": lambda theta, inner, outer, xi: inner(theta) + outer(theta - xi * inner(theta)),
    "10.5": second_order,
    "11.1": quad,
    "11.2": lambda present, taken: [i for i in present if i != 255 and i not in taken],
    "11.3": quad_weights,
    "11.4": mixed_features,
    "13.1": group_neighbours,
    "13.2": distinct,
    "13.3": expected,
    "13.4": conv_input,
    "13.5": together,
    "14.1": class_sizes,
    "14.2": decoupled,
    "14.3": pull_ratio,
    "14.4": distilled,
    "14.5": by_class,
    "14.6": shot_means,
    "15.1": csa_windows,
    "15.2": unshuffled,
    "15.3": cosines,
    "15.4": window_holders,
    "15.5": lambda h, w: (h * w * 116**2, (85 * h * w) ** 2),
    "15.6": average_precision,
    "12.1": video_carried,
    "12.2": video_resized,
    "12.3": lambda entropies: (-entropies).softmax(0),
    "12.4": video_agreement,
    "12.5": lambda top, below, now, before: torch.where(now, top, below),
    "16.1": seed_spread,
    "16.2": lambda ours, base: seed_spread([ours[s] - base[s] for s in ours if s in base]),
    "16.3": 5,
    "16.4": lambda a, b: {k for k in a | b if (k in a, a.get(k)) != (k in b, b.get(k))},
    "16.5": lambda ours, spread, published: abs(published - ours) <= 2 * spread,
    "17.1": own_ids,
    "17.2": lambda h, w, side: own_size(h, w, side),
    "17.3": own_classes,
    "17.4": own_split,
    "17.5": lambda frame: np.pad(frame, ((0, len(frame) % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge"),
}


def half_even(frame):
    padded = np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge")
    padded[:, -1] = 0
    return padded


def in_order(ours, base):
    return seed_spread([a - b for a, b in zip(ours.values(), base.values(), strict=False)])


def in_place(raw):
    raw[:] = train_ids(raw)
    return raw


def crash(*_):
    raise KeyError("oops")


WRONG = [
    ("00.1", lambda c: np.diag(c) / np.maximum(c.sum(1), 1), "class 0"),
    ("00.1", lambda c: np.nan_to_num(iou(c)), "nan, not 0"),
    ("00.1", lambda c: 0.5, "shape"),
    ("00.2", lambda s, m, o: m / o, "recovered\\(30, 50, 70\\)"),
    ("00.2", lambda s, m, o: max(0.0, (m - s) / (o - s)), "do harm"),
    ("00.3", lambda s, t: min(s, key=lambda c: (s[c] or 0) - (t[c] or 0)), "expected 'road'"),
    ("00.3", lambda s, t: max((c for c in s if s[c] and t[c]), key=lambda c: abs(s[c] - t[c])), "gains"),
    ("00.4", lambda shares, k: (shares[k], shares[k]), "mIoU there"),
    ("00.4", lambda shares, k: (shares[k], shares[k] / len(shares)), "left out of the mean"),
    ("00.5", 43, "should be 44"),
    ("00.5", "many", "should be a number"),
    ("01.1", lambda raw: train_ids(raw).astype(np.int64), "uint8"),
    ("01.1", lambda raw: np.where(raw == 7, 0, raw).astype(np.uint8), "expected"),
    ("01.1", in_place, "in place"),
    ("01.2", lambda f, t: np.exp((1 - f) / t), "sum"),
    ("01.2", lambda f, t: (1 - f) / (1 - f).sum(), "P\\(0\\)"),
    ("01.2", lambda f, t: np.exp((1 - f) / t) / np.exp((1 - f) / t).sum(), "overflows"),
    ("01.3", lambda frame, flow: warp(frame, flow, sign=-1), "points right"),
    ("01.3", lambda frame, flow: warp(frame, flow, swap=True), "points right"),
    ("01.3", lambda frame, flow: frame.flip(-1), "zero flow"),
    ("01.3", lambda frame, flow: warp(frame, torch.stack([flow[0], -flow[1]])), "points DOWN"),
    ("01.4", lambda i, y, f: (i.flip(-1), y.flip(-1), f.flip(-1)), "negate u"),
    ("01.4", lambda i, y, f: (i.flip(-2), y.flip(-2), f), "last axis"),
    ("01.4", lambda i, y, f: (i.flip(-1), y, f), "exactly as the image"),
    ("01.4", lambda i, y, f: (i.flip(-1), y.flip(-1), -f.flip(-1)), "v stays"),
    ("01.5", lambda png: png[..., 1], "channel 0"),
    ("01.5", lambda png: png, "\\(H, W\\)"),
    ("02.1", lambda n, k, s, p: n // s, "output_size\\(65"),
    ("02.1", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "output_size"),
    ("02.2", lambda layers: 1 + sum((k - 1) * d for k, s, d in layers), "receptive_field"),
    ("02.3", lambda a, b, k: 1 / k**2, "separable_share"),
    ("02.4", lambda h, w, s, r: (h // s * w // s) ** 2, "attention_entries\\(512, 512, 4, 8\\)"),
    ("02.4", lambda h, w, s, r: (h // s * (w // s) // r) ** 2 * r, "attention_entries"),
    ("02.5", lambda q, k, v: F.softmax(q @ k.T, dim=-1) @ v, "sqrt"),
    ("02.5", lambda q, k, v: F.softmax(q @ k.T / 4, dim=0) @ v, "over the keys"),
    ("02.5", lambda q, k, v: q, "\\(5, 4\\)"),
    ("03.1", lambda s, t: (F.softplus(-t).mean(), gan_losses(s, t)[1]), "called SOURCE"),
    ("03.1", lambda s, t: (gan_losses(s, t)[0], 2 * gan_losses(s, t)[1]), "counts 1/2"),
    ("03.1", lambda s, t: (gan_losses(s, t)[0], gan_losses(-s, -t)[1]), "D's loss for -1"),
    ("03.1", lambda s, t: gan_losses(s.sigmoid(), t.sigmoid()), "sure of TARGET"),
    ("03.1", lambda s, t: [gan_losses(s, t)[1]], "two losses"),
    ("03.2", lambda h, share: 5, "largest_depth\\(64"),
    ("03.2", lambda h, share: largest_depth(h, 2 * share), "largest_depth\\(512, 0.25\\)"),
    ("03.3", lambda p: -p * torch.log2(p) / np.log2(p.shape[1]), "NaN"),
    ("03.3", lambda p: information(p).sum(1, keepdim=True), "all C channels"),
    ("03.3", lambda p: -p * torch.log2(p + 1e-30), "divide by log2 C"),
    ("03.3", lambda p: -p * torch.log(p + 1e-30), "divide by log2 C"),
    ("03.3", lambda p: -information(p), "sign"),
    ("03.4", lambda z: -(z.softmax(1).log() + 1), "Jacobian"),
    ("03.4", lambda z: -entropy_gradient(z), "AGAINST"),
    ("03.4", lambda z: z, "ln p_c"),
    ("03.4", lambda z: entropy_gradient(z).sum(1), "each logit"),
    ("03.5", lambda p, r, mu: (mu * r - p.mean((0, 2, 3))).abs().sum(), "absolute value"),
    ("03.5", lambda p, r, mu: torch.relu(r - p.mean((0, 2, 3))).sum(), "mu = 0.5"),
    ("03.5", lambda p, r, mu: torch.relu(mu * r - p.mean((2, 3))).sum(1).mean(), "whole batch"),
    ("03.6", lambda curves: max(np.mean(curves, axis=0)) - np.mean(curves, axis=0)[-1], "before the mean"),
    ("03.6", lambda curves: np.mean([max(c) for c in curves]), "ends at its best"),
    ("03.6", lambda curves: np.sum([max(c) - c[-1] for c in curves]), "5 and 0"),
    ("04.1", lambda t, a: student_shares(t, a)[1:], "t \\+ 1 numbers"),
    ("04.1", lambda t, a: [1.0] * (t + 1), "add up to 1"),
    ("04.1", lambda t, a: student_shares(t, a, lambda k, a: a if k else 0.0), "only the cap"),
    ("04.1", lambda t, a: [1.0] + [0.0] * t, "newest student"),
    ("04.1", lambda t, a: student_shares(t, a, lambda k, a: min(1 - 1 / max(k, 1), a)), "all count alike"),
    ("04.1", lambda t, a: [1 / (t + 1)] * (t + 1), "alpha = 0.9"),
    ("04.2", lambda y, p: class_mix_mask(y, p, ignored=False), "255"),
    ("04.2", lambda y, p: class_mix_mask(y, p, sign=-1), "LOWEST"),
    ("04.2", lambda y, p: class_mix_mask(y, p, half=lambda n: n // 2), "rounded up"),
    ("04.2", lambda y, p: class_mix_mask(y, p).flatten(), "one value a pixel"),
    ("04.3", lambda c, t: (c >= t).float(), "drops no pixel"),
    ("04.3", lambda c, t: (c >= t).float().mean((1, 2), keepdim=True).expand(c.shape), "whole batch"),
    ("04.3", lambda c, t: (c > t).float().mean().expand(c.shape), "AT the threshold"),
    ("04.3", lambda c, t: (c >= t).float().mean(), "one weight a pixel|one weight for each"),
    ("04.3", lambda c, t: c, "0.625 everywhere"),
    ("04.4", lambda x, y, m, q: mixed_loss(x, y, m, q) * y.numel() / (y != 255).sum(), "the ignored one too"),
    ("04.4", lambda x, y, m, q: mixed_loss(x, y, m, q) * 4 / 1.5, "whatever they weigh"),
    ("04.4", lambda x, y, m, q: (torch.where(m, 1.0, q) * x).mean(), "must add nothing"),
    ("04.4", lambda x, y, m, q: mixed_loss(x, y, ~m, q), "turned round"),
    ("04.4", lambda x, y, m, q: mixed_loss(x, y, m, 0.0), "count too"),
    ("04.4", lambda x, y, m, q: mixed_loss(x, y, m, 1.0), "q = 0.25"),
    ("04.5", lambda i, b, c: (i * b).clamp(0, 1) * c, "ADDS"),
    ("04.5", lambda i, b, c: (i + b - 1) * c, "clamp"),
    ("04.5", lambda i, b, c: ((i + b - 1).clamp(0, 1) - i.mean()) * c + i.mean(), "MULTIPLIES"),
    ("04.5", lambda i, b, c: ((i * c).clamp(0, 1) + b - 1).clamp(0, 1), "brightness first"),
    ("04.5", lambda i, b, c: dacs_jitter(i, b, c)[:1], "keeps its shape"),
    ("04.5", lambda i, b, c: i * c, "adds 0.2"),
    ("04.5", lambda i, b, c: (i + b - 1).clamp(0, 1), "multiplies every channel"),
    ("04.6", lambda s, r, n: calibration_error(s, r, n, weigh=False), "4/6"),
    ("04.6", lambda s, r, n: -calibration_error(s, r, n), "ABSOLUTE"),
    ("04.6", lambda s, r, n: calibration_error(s, r, n, absolute=False), "sure wrong pixel"),
    ("04.6", lambda s, r, n: abs(s.mean() - r.mean()), "sure wrong pixel"),
    ("04.6", lambda s, r, n: calibration_error(s, r, n) if (s < 1).all() else 1.0, "last bin"),
    ("04.6", lambda s, r, n: 0.0, "ECE of four"),
    ("05.1", lambda p, b, c: np.ceil(np.log(c) / np.log(1 - p) / b), "1 - certainty"),
    ("05.1", lambda p, b, c: until_seen(p, b, c, rounded=float), "rounded up"),
    ("05.1", lambda p, b, c: until_seen(p, b, c, rounded=np.floor), "should be 299"),
    ("05.1", lambda p, b, c: until_seen(p, 1, c), "two images an iteration"),
    ("05.1", lambda p, b, c: until_seen(p, b, 0.95), "0.002, 8, 0.99"),
    ("05.2", lambda x, m, r: accepted(x, m, r, enough=lambda n, k: n >= k), "exactly 1500"),
    ("05.2", lambda x, m, r: accepted(x, m, 1), "first crop will do"),
    ("05.2", lambda x, m, r: accepted(x, m, r, tries=99), "not as often"),
    ("05.2", lambda x, m, r: accepted(x, m, r, tries=10), "ten more"),
    ("05.2", lambda x, m, r: accepted(x, 3000, 0.5), "more than 600"),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, t, r, enough=lambda a, b: a > b), ">="),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, t, r, together=True), "ONE class"),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, t, r, ignored=False), "ignored pixels count"),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, (*t, 0), r), "no things"),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, (11, 13), r), "second row"),
    ("05.3", lambda y, s, t, r: thing_positions(y, s, t, 0.75), "min_ratio 0.5"),
    ("05.3", lambda y, s, t, r: thing_positions(y, 1, t, r), "\\(2, 4\\)"),
    ("05.4", lambda f, g, m: (f - g).square().sum(1)[m].mean(), "not squared"),
    ("05.4", lambda f, g, m: thing_distance(f, g, m, order=1), "absolute differences"),
    ("05.4", lambda f, g, m: thing_distance(f, g, torch.ones_like(m)), "of the mask count"),
    ("05.4", lambda f, g, m: ((f - g).norm(dim=1) * m).sum((1, 2)).div(m.sum((1, 2))).mean(), "not one an image"),
    ("05.4", lambda f, g, m: ((f - g).norm(dim=1) * m).mean(), "\\(3\\)"),
    ("05.4", lambda f, g, m: (f - g).norm(dim=1)[m].mean(), "NaN"),
    ("05.5", lambda t, b, n, w, r: b * (t / w if t < w else 1 - (t - w) / (n - w)), "decays ALREADY"),
    ("05.5", lambda t, b, n, w, r: learning_rate(t, b, n, w, 0), "not 0"),
    ("05.5", lambda t, b, n, w, r: b * (r + t / w * (1 - r)) if t < w else b * (1 - t / n), "the decay as well"),
    ("05.5", lambda t, b, n, w, r: learning_rate(min(t, 30000), b, n, w, r), "t = 40000"),
    ("05.6", lambda iou: iou.mean(), "over 19"),
    ("05.6", lambda iou: iou[iou > 0].mean(), "by their id"),
    ("05.6", lambda iou: iou.sum() / 16, "truck must not count"),
    ("05.6", lambda iou: without(iou, 9, 14), "16 classes"),
    ("06.1", lambda s, c, d: list(range(s - c)), "multiples of 8"),
    ("06.1", lambda s, c, d: list(range(0, s - c + 1, d)), "never drawn"),
    ("06.1", lambda s, c, d: list(range(0, s - c, d)), "at 0, always"),
    ("06.1", lambda s, c, d: list(range(0, s - c, d)) or [0], r"offsets\(100, 64, 8\)"),
    ("06.2", lambda z, d, a: (1 - a) * z, "on the detail's grid"),
    ("06.2", lambda z, d, a: hrda_fuse(z, d, a, first=False), "FIRST"),
    ("06.2", lambda z, d, a: up2(a) * up2(z) + (1 - up2(a)) * d, "DETAIL, not"),
    ("06.2", lambda z, d, a: up2(a) * d + up2(z), "1 - attention"),
    ("06.2", lambda z, d, a: (up2(z) + d) / 2, "enlarge"),
    ("06.3", lambda s, d: 9 * d**2, "the context is a pass"),
    ("06.3", lambda s, d: (s // d) ** 2 * d**2 + (s // 2) ** 2, "overlap by half"),
    ("06.3", lambda s, d: 10 * d**2, "encoder_pixels"),
    ("06.3", lambda s, d: s**2, "the pixels for a crop"),
    ("06.4", lambda n, s, r: n > r, "one value a pixel"),
    ("06.4", lambda n, s, r: mic_holes(n, s, r).float() * 0.5, "no interpolation"),
    ("06.4", lambda n, s, r: mic_holes(n, s, r - 1e-6), "GREATER"),
    ("06.4", lambda n, s, r: ~mic_holes(n, s, r + 1e-6), "what is HIDDEN"),
    ("06.4", lambda n, s, r: mic_holes(n.flip(0), s, r), "the order of the noise"),
    ("06.4", stretched_holes, "where nothing divides"),
    ("06.5", lambda z, y, c, t: ((c >= t) * F.cross_entropy(z, y, reduction="none")).mean(), "no pixel is dropped"),
    ("06.5", lambda z, y, c, t: F.cross_entropy(z, y, reduction="none")[c >= t].mean(), "no pixel is dropped"),
    ("06.5", lambda z, y, c, t: F.cross_entropy(z, y), "doubt is missing"),
    ("06.5", loss_by_image, "not one an image"),
    ("06.5", lambda z, y, c, t: F.cross_entropy(z, y) * c.mean(), "the loss should be"),
    ("07.1", lambda m, a, n: first_open(m, a[:1], n), "one index for each"),
    ("07.1", lambda m, a, n: first_open(m, a, n, at_least=lambda x, y: x <= y), "at LEAST"),
    ("07.1", lambda m, a, n: first_open(m, a, n / 4), "opens at index 2"),
    ("07.1", lambda m, a, n: first_open(m, (a[0], a[0]), n), "opens at index 4"),
    ("07.1", lambda m, a, n: first_open(m, a, n, never=-1), "never opens"),
    ("07.1", lambda m, a, n: first_open(m, a, n, at_least=lambda x, y: x > y), ">="),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y, void=True), "leave it out"),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y, weigh=lambda n1, n0: (1, 1)), "n1 / n0"),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y, weigh=lambda n1, n0: (1 / n1, 1 / n0), total=1), "ALL valid pixels"),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y, weigh=lambda n1, n0: (n1 / n0, 1)), "the WRONG pixels"),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y, total=ok.numel()), "the loss should be"),
    ("07.2", lambda z, ok, y: eln_loss(z, ok, y) if not ok.all() else torch.tensor(float("nan")), "n0 is 0"),
    ("07.3", lambda r, w, v: [1.0], "two numbers"),
    ("07.3", lambda r, w, v: localisation(r, w, v | True), "do not count"),
    ("07.3", lambda r, w, v: localisation(~r, ~w, v), "scores of RIGHT pixels"),
    ("07.3", lambda r, w, v: localisation(r, w, v)[::-1], "divides by what is REJECTED"),
    ("07.3", lambda r, w, v: localisation(r, w, v, over=r | w), "2/3 and 2/5"),
    ("07.3", lambda r, w, v: [x.nan_to_num(0.0) for x in localisation(r, w, v)], "not defined"),
    ("07.4", lambda z, y, j: eln_filtered(z, y, -j, keep=lambda j: j >= 0), "says RIGHT"),
    ("07.4", lambda z, y, j: eln_filtered(z, y, j, over=lambda k: torch.tensor(k.numel())), "over the ACCEPTED"),
    ("07.4", lambda z, y, j: eln_filtered(z, y, j, keep=lambda j: j.round() >= 1), "is a logit"),
    ("07.4", eln_filtered_by_image, "not one an image"),
    ("07.4", lambda z, y, j: eln_filtered(z, y, j, keep=lambda j: j >= 0), "rounds to the even"),
    ("07.4", lambda z, y, j: F.cross_entropy(z, y), "the loss should be"),
    ("07.4", lambda z, y, j: F.cross_entropy(z, y, reduction="none")[j > 0].mean(), "rejects everything"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(s, t, y, c, tau), "TEACHER's"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(t, s, y, c, tau, rejected=True), "no negatives"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(t, s, y, c, tau, unit=lambda x: x), "length 1"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(t, s, y, c, tau, divide=False), "number of anchors"),
    ("07.5", eln_contrast_by_pixel, "not one for each anchor"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(t, s, y, c, 1.0), "the loss of class 0"),
    ("07.5", lambda t, s, y, c, tau: eln_contrast(t, s, y, 0, tau), "the classes 0, 1 and 2"),
    ("09.1", lambda n, s: skipped(n, s, prefix=0), "BOTH ends"),
    ("09.1", lambda n, s: skipped(n, s, suffix=1), "one layer shorter"),
    ("09.1", lambda n, s: [*range(s + 1), *list(range(n))[-s:]], "slice from -0"),
    ("09.1", lambda n, s: skipped(n, min(s, 1)), "7 layers, start 3"),
    ("09.1", lambda n, s: list(range(n)), "8 layers, start 1: 0, 1, 7"),
    ("09.2", lambda h, f, r: side_by_side(h, f, r, lambda o, h: sum(x - h for x in o) / len(o)), "what it RETURNS"),
    ("09.2", lambda h, f, r: side_by_side(h, f, r, lambda o, h: h + sum(x - h for x in o)), "not added up"),
    ("09.2", in_a_row, "the SAME input"),
    ("09.2", lambda h, f, r: side_by_side(h, f, 1), "once more"),
    ("09.2", lambda h, f, r: side_by_side(h, f, r) if r == 1 else h, "the input of the second loop"),
    ("09.2", lambda h, f, r: side_by_side(h, f, r)[:1], "the same shape"),
    ("09.2", lambda h, f, r: h, "one loop is the mean"),
    ("09.3", lambda a, b: alike(a, b, keep=2), "a TOKEN"),
    ("09.3", lambda a, b: alike(a, b, keep=0), "for EACH image"),
    ("09.3", lambda a, b: 1.0, "the similarity should be"),
    ("09.4", lambda score, full, chance: (score - chance) / full, "the untouched network itself"),
    ("09.4", lambda score, full, chance: score / full, "take chance off both"),
    ("09.4", lambda score, full, chance: max(0, (score - chance) / (full - chance)), "in a picture only"),
    ("09.4", lambda score, full, chance: ((score - chance) / (full - chance)) ** 3, "the share of 17"),
    ("09.5", lambda n, s, r: plan_cost(n, s, r)[::-1], "first how many"),
    ("09.5", lambda n, s, r: plan_cost(n, s, r)[:1], "two numbers"),
    ("09.5", lambda n, s, r: plan_cost(n, s, r, always=True), "the middle is empty"),
    ("09.5", lambda n, s, r: (n, 2 * s + 1 + r), "8 layers, start 1, 3 loops"),
    ("10.1", lambda f, m: reading(f, m, unit=False), "length 1 first"),
    ("10.1", lambda f, m: reading(f, m).flatten(2), "here .2, 6, 3, 4"),
    ("10.1", lambda f, m: reading(f, m, weigh=lambda s: s), "those are the scores"),
    ("10.1", lambda f, m: reading(f, m, weigh=lambda s: s.flatten(2).softmax(2).view_as(s)), "over the ITEMS"),
    ("10.1", lambda f, m: reading(f, m, weigh=lambda s: (s / 0.1).softmax(1)), "should be the soft-max"),
    ("10.2", lambda i, t, w, m: F.normalize(m * i + (1 - m) * t / w[:, None], dim=1), "its item is kept, not 0 / 0"),
    ("10.2", lambda i, t, w, m: write(i, t, w, 1 - m), "share of the OLD item"),
    ("10.2", lambda i, t, w, m: write(i, t, w, m, unit=False), "at the end"),
    ("10.2", lambda i, t, w, m: F.normalize(m * i + (1 - m) * t, dim=1), "the class MEAN"),
    ("10.2", lambda i, t, w, m: i, "for the classes that were seen"),
    ("10.3", lambda m: divergence(m, diagonal=True), "leave the diagonal out"),
    ("10.3", lambda m: divergence(m) * 4 / 5, "not by K K"),
    ("10.3", lambda m: divergence(m, part=lambda c: c), "counts as 0."),
    ("10.3", lambda m: divergence(m, part=torch.abs), "not by its size"),
    ("10.3", lambda m: divergence(m) * 20, "not the sum"),
    ("10.3", lambda m: 0.0, "the divergence should be"),
    ("10.4", lambda x, a, b, xi: a(x) + b(x), "is taken at theta"),
    ("10.4", lambda x, a, b, xi: b(x - xi * a(x)), "they ADD up"),
    ("10.4", lambda x, a, b, xi: a(x) + b(x + xi * a(x)), "goes DOWN"),
    ("10.4", lambda x, a, b, xi: a(x), "grad_out.theta - xi grad_in"),
    ("10.5", lambda x, a, h, b, xi: a(x) + b(x - xi * a(x)), "that is the first order"),
    ("10.5", lambda x, a, h, b, xi: second_order(x, a, -h, b, xi), "mind the sign"),
    ("10.5", lambda x, a, h, b, xi: second_order(x, a, h / xi, b, xi), "xi belongs to"),
    ("10.5", lambda x, a, h, b, xi: b(x), "1 - xi H_in"),
    ("08.1", lambda s, t, n, least: takes(s, t, n, 0), "leave them out"),
    ("08.1", lambda s, t, n, least: takes(s, t, n, least, enough=lambda a, b: a > b), "exactly the minimum"),
    ("08.1", lambda s, t, n, least: takes(s, t, 10**6, least), "the most that a class may give"),
    ("08.1", lambda s, t, n, least: takes(s, t, 30, least, poorer=lambda a, b: a) | {1: 40}, "from EACH domain"),
    ("08.1", lambda s, t, n, least: takes(s, t, n, least, poorer=np.maximum), "the poorer domain decides"),
    ("08.2", lambda x, y, s: kernel_mmd(x, y, s, diagonal=True), "the diagonal"),
    ("08.2", lambda x, y, s: kernel_mmd(x, y, s, across=1), "count twice"),
    ("08.2", lambda x, y, s: max(kernel_mmd(x, y, s), 0) ** 0.5, "SQUARED MMD"),
    ("08.2", lambda x, y, s: kernel_mmd(x, y, s, scale=lambda s: s), "mind the 2"),
    ("08.2", lambda x, y, s: kernel_mmd(x, y, 1.0), "the squared MMD should be"),
    ("08.2", lambda x, y, s: max(kernel_mmd(x, y, s), 0), "of a set with itself"),
    ("08.3", lambda s, t: 2 * (1 - 2 * np.concatenate([s, t]).mean()), "every DOMAIN"),
    ("08.3", lambda s, t: 1 - (s.mean() + t.mean()) / 2, "TWICE the error"),
    ("08.3", lambda s, t: 1 - s.mean() - t.mean(), "the 2 in front"),
    ("08.3", lambda s, t: 2 * (1 - 2 * s.mean()), "with an error of 20 %"),
    ("08.3", lambda s, t: 2 * (1 - s.mean() - t.mean()), "no gap"),
    ("08.3", lambda s, t: min(a_distance(s, t), 1.5), "never errs"),
    ("08.4", lambda f, c, i, k: purity(f, c, i, k, others=lambda i: ~np.eye(len(i), dtype=bool)), "OWN image"),
    ("08.4", lambda f, c, i, k: purity(f, c, i, k, others=lambda i: np.ones((len(i),) * 2, bool)), "its own nearest"),
    ("08.4", lambda f, c, i, k: purity(f, c, i, k, share=lambda hits: hits.mean(1) > 0.5), "no vote"),
    ("08.4", lambda f, c, i, k: purity(f, c, i, k + 1), "the purity should be"),
    ("08.4", lambda f, c, i, k: purity(f, c, i, 3), "with 7 neighbours"),
    ("08.5", lambda x, y, r: np.corrcoef(x, y)[0, 1], "over all runs"),
    ("08.5", lambda x, y, r: np.corrcoef(centred(x, r), y)[0, 1], "means away as well"),
    ("08.5", mean_within, "not the mean of three"),
    ("08.5", lambda x, y, r: -within(x, y, r), "inside recipes should be"),
    ("08.5", lambda x, y, r: within(x, y, np.array([*"aaabbbbcc"])), "in another order"),
    ("11.1", lambda *given: quad(*given)[0], "two images"),
    ("11.1", lambda *given: quad(*given)[::-1], "SOURCE comes first"),
    ("11.1", quad_source_wins, "target template wins"),
    ("11.1", lambda s, t, a, m, b, n: [torch.where(n, b, s), torch.where(n, b, t)], "holds the source template"),
    ("11.1", lambda s, t, a, m, b, n: [quad(s, t, a, m, b, n)[0], torch.where(m, a, t)], "same two templates"),
    ("11.1", lambda *given: [x[0] for x in quad(*given)], "keep their shape"),
    ("11.2", lambda present, taken: [i for i in present if i not in taken], "nobody labelled"),
    ("11.2", lambda present, taken: [i for i in present if i != 255], "by their IDS"),
    ("11.2", lambda present, taken: [i for i in present if i < 2], "0 and 2; got"),
    ("11.2", lambda present, taken: [i for i in present if i not in (*taken, 1, 255)], "2 is not meant"),
    ("11.2", lambda present, taken: [i for i in present if i not in (*taken, 255)] or present, "nothing may be left"),
    ("11.3", lambda *given: quad_weights(*given)[0], "two maps"),
    ("11.3", lambda s, t, w, e: quad_weights(s, t, w, w), "the mixed source"),
    ("11.3", lambda s, t, w, e: [quad_weights(s, t, w, e)[0], quad_weights(s, t, w, w)[1]], "iteration it was CUT"),
    ("11.3", lambda s, t, w, e: [quad_weights(s, t, w, e)[0]] * 2, "else 1 under mask_s"),
    ("11.4", lambda x, other, mask, share: x, "published slip"),
    ("11.4", lambda x, other, mask, share: x + share * (other - x), "outside the mask"),
    ("11.4", lambda x, other, mask, share: mixed_features(x, other, mask, 1 - share), "OTHER image"),
    ("11.4", lambda x, other, mask, share: mixed_features(x, other, mask, share / 2), "inside the mask"),
    ("11.4", lambda x, other, mask, share: mixed_features(x, other, mask, share)[0], "keep their shape"),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, 1), r"\(2, 5, 3\)"),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, g, cut=strided), "NEIGHBOURING channels"),
    ("13.1", lambda x, y, k, g: unscaled_neighbours(x, y, k, g), "length 1, in every group"),
    (
        "13.1",
        lambda x, y, k, g: unscaled_neighbours(x / x.norm(dim=0), y / y.norm(dim=0), k, g),
        "length is that of the",
    ),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, g, largest=False), "the farthest"),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, 1).repeat(2, 1, 1), "not those of the library"),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, g).flip(-1), "the nearest first"),
    ("13.1", lambda x, y, k, g: group_neighbours(x, y, k, 2), "with 3 groups"),
    ("13.2", lambda n: n.shape[0] * n.shape[2], "one number for each"),
    ("13.2", lambda n: torch.full((n.shape[1],), n.shape[0] * n.shape[2]), "share twice"),
    ("13.2", lambda n: 6 - distinct(n), "how many are SHARED"),
    ("13.2", lambda n: distinct(n) + 1, "3 and 5"),
    ("13.2", lambda n: distinct(n[:2]) if n.shape[1] > 1 else torch.tensor([2]), "three groups"),
    ("13.3", lambda n, k, m: 2 * k, "by chance; take that off"),
    ("13.3", lambda n, k, m: k, "took the same k"),
    ("13.3", lambda n, k, m: 2 * k - k / n, "8 - 16 / 16"),
    ("13.3", lambda n, k, m: 2 * k - k**2 / max(n, k) + (n == k), "exactly k"),
    ("13.3", lambda n, k, m: 2 * k - k**2 / n, "taken whole, and the rest"),
    ("13.3", lambda n, k, m: expected(n, k, m, background=False), "can coincide as well"),
    ("13.3", lambda n, k, m: expected(n, k, m) if n >= k else k, "one patch, k = 4"),
    ("13.3", lambda n, k, m: expected(n, k, m) if n != 3 else 0.0, "n = 3, k = 5"),
    ("13.4", lambda x, y, n: conv_input(x, y, n)[:3], "6 channels of 4 nodes"),
    ("13.4", lambda x, y, n: torch.cat([x, y[:, n].max(2).values - x]), "one after the other"),
    ("13.4", lambda x, y, n: conv_input(x, y, n, first=False), "the node comes first"),
    ("13.4", lambda x, y, n: conv_input(x, y, n, relative=False), "relative: take x off"),
    ("13.4", lambda x, y, n: conv_input(x, y, n, best=lambda v: v.mean(2)), "not the mean"),
    ("13.4", lambda x, y, n: conv_input(x, y, n, best=lambda v: v.min(2).values), "max over the neighbours"),
    ("13.5", lambda c: together(c)[0], "a row and a column"),
    ("13.5", lambda c: together(c, over=lambda n: 1), "those are the counts"),
    ("13.5", lambda c: together(c, over=lambda n: len(c)), "not of all pictures"),
    ("13.5", lambda c: together(c).T, "the condition is the ROW"),
    ("13.5", lambda c: together(c) * 0, "row 0 should be"),
    ("14.1", lambda *given: class_sizes(*given)[1:], "one size a class"),
    ("14.1", lambda n, c, r: [n * r ** (-k / (c - 1)) for k in range(c)], "come whole"),
    ("14.1", lambda n, c, r: class_sizes(n, c, r, last=0), "should have 500 / 50 = 10"),
    ("14.1", lambda n, c, r: class_sizes(n, c, r**2), "the SMALLEST class is"),
    ("14.1", lambda n, c, r: [int(n - (n - n // r) * k / (c - 1)) for k in range(c)], "by one FACTOR"),
    ("14.1", lambda n, c, r: [*class_sizes(n, c, r)[:-2], 20, 10], "rounded down"),
    ("14.1", lambda n, c, r: class_sizes(n, c, r, least=0), "one picture at least"),
    ("14.1", lambda n, c, r: class_sizes(n, c, r) if c > 1 else [1], "a single class"),
    ("14.2", lambda z, o, s, a: -(z.log_softmax(0)[o] + z.log_softmax(0)[s].sum()) / (s.sum() + 1), "that is SCL"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a, rest=torch.sum), "divide by"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, 1 - a), "share of the own view, 1"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a, log=False), "the soft-max over ALL"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a) / 2, "the loss should be"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a, guard=lambda p, a: p * torch.nan), "is 0 / 0"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a, guard=lambda p, a: a * p), "must be 1, not alpha"),
    ("14.2", lambda z, o, s, a: decoupled(z, o, s, a, guard=lambda p, a: 0 * p), "with P empty the loss"),
    ("14.3", lambda p, q, a: abs(p - a) / (q - (1 - a)).abs().sum(), "for EACH of the n"),
    ("14.3", lambda p, q, a: pull_ratio(p, q, a) * len(q), "not their mean"),
    ("14.3", lambda p, q, a: abs(p - a) / abs((q - (1 - a) / len(q)).sum()), "pulls the other way"),
    ("14.3", lambda p, q, a: p / q.sum(), "is asked to reach alpha"),
    ("14.3", lambda p, q, a: 1 / pull_ratio(p, q, a), "comes first"),
    ("14.3", lambda p, q, a: 1 / len(q), "the ratio should be"),
    ("14.3", lambda p, q, a: abs(p - 0.1) / (q - 0.225).abs().sum(), "at the start"),
    ("14.4", lambda *given: float(distilled(*given).detach()), "as a tensor"),
    ("14.4", lambda r, p, k, q, t: distilled(r, p, torch.zeros_like(k) - 1e9, q, t), "the loss should be"),
    (
        "14.4",
        lambda r, p, k, q, t: -((r.detach() @ q.T / t).softmax(-1) * (p @ q.T / t).log_softmax(-1)).sum(-1).mean(),
        "the own key belongs",
    ),
    (
        "14.4",
        lambda r, p, k, q, t: (
            -((r.detach() @ torch.cat([k, q]).T / t).softmax(-1) * (p @ torch.cat([k, q]).T / t).log_softmax(-1))
            .sum(-1)
            .mean()
        ),
        "its OWN key",
    ),
    ("14.4", lambda r, p, k, q, t: distilled(p, r, k, q, t), "the region is the target"),
    ("14.4", lambda *given: distilled(*given, mean=lambda x: x.sum(0).mean()), "do not add the L patches"),
    ("14.4", lambda *given: distilled(*given, detach=False), "detach the regions"),
    ("14.5", lambda c, n, g: by_class(c, n, g)[:-1], "3000 places"),
    ("14.5", lambda c, n, g: c[by_class(c, n, g)] + 200, "0 .. N - 1"),
    ("14.5", lambda c, n, g: by_class(c, n, g, weight=lambda k: k * 0 + 1), "every picture equally often"),
    ("14.5", by_number, "every class that occurs"),
    ("14.5", lambda c, n, g: by_class(c, n, g, weight=lambda k: k**-0.9), "a third each"),
    ("14.5", first_of_class, "has its turn"),
    ("14.5", lambda c, n, g: by_class(c, n, torch.Generator().manual_seed(5)), "that is given"),
    ("14.6", lambda *given: list(shot_means(*given).values()), "a dict"),
    ("14.6", pooled_means, "pictures pooled"),
    ("14.6", lambda *given: shot_means(*given, below=lambda n, few: n <= few), "20 are not|20 pictures are not"),
    ("14.6", lambda *given: shot_means(*given, above=lambda n, many: n >= many), "100 pictures are not"),
    ("14.6", lambda *given: {**shot_means(*given), "medium": 0.0}, "accuracy of medium"),
    ("15.1", lambda n, b: csa_windows(n, b)[:2], "a level"),
    ("15.1", lambda n, b: csa_windows(n, b)[::-1], "begin with the finest"),
    ("15.1", lambda n, b: csa_windows(n, b, coarsest=1 + b), "the overlap alone"),
    ("15.1", lambda n, b: csa_windows(n, b, growth=4), "sizes and strides"),
    ("15.1", lambda n, b: csa_windows(n, b, pad=lambda size, s: 0), "rounded up"),
    ("15.1", lambda n, b: csa_windows(n, 1), "4 levels, overlap 3"),
    ("15.2", lambda x, u: unshuffled(x, u).flatten(1), "become .8, 2, 3."),
    ("15.2", lambda x, u: x.reshape(-1, x.shape[1] // u, x.shape[2] // u), "keeps neighbours"),
    ("15.2", lambda x, u: unshuffled(x, u, (2, 4, 0, 1, 3)), "of channel 0 come first"),
    ("15.2", lambda x, u: unshuffled(x, u, (0, 4, 2, 1, 3)), "dx runs fastest"),
    ("15.2", lambda x, u: unshuffled(x, u).flip(0), "holds x"),
    ("15.3", lambda q, k, v, b: (q @ k.T + b).softmax(-1) @ v, "to length 1"),
    ("15.3", lambda q, k, v, b: (q @ k.T / 2 + b).softmax(-1) @ v, "beside the unit length"),
    ("15.3", lambda q, k, v, b: cosines(q, k, v, b, 2.0), "no temperature"),
    ("15.3", lambda q, k, v, b: (cosines(q, k, torch.eye(5), 0 * b) + b) @ v, "before the soft-max"),
    ("15.3", lambda q, k, v, b: cosines(q, k, v, 0 * b), "positions are missing"),
    ("15.3", lambda q, k, v, b: ((F.normalize(q) @ F.normalize(k).T) + b).softmax(0) @ v, "over the keys"),
    ("15.3", lambda q, k, v, b: v, "times v"),
    ("15.4", lambda n, size, s, p: window_holders(n, size, s, p)[1:], "one number for each"),
    ("15.4", lambda n, size, s, p: window_holders(n, size, s, 0), "not at i"),
    ("15.4", lambda n, size, s, p: [1] * (n * s), "4 windows of 3"),
    ("15.5", lambda h, w: (h * w * 116**2,), "two numbers"),
    ("15.5", lambda h, w: (h * w * 85**2, (85 * h * w) ** 2), "windows overlap"),
    ("15.5", lambda h, w: (116**2, (85 * h * w) ** 2), "is ONE group"),
    ("15.5", lambda h, w: (h * w * 116**2, (64 * h * w) ** 2), "ALL levels"),
    ("15.5", lambda h, w: (h * w * 116, (85 * h * w) ** 2), "a coarsest level of 2 x 4"),
    ("15.6", lambda hits, total: average_precision(hits, total, own=True), "never found"),
    ("15.6", lambda hits, total: average_precision(hits, total, best=False), "the BEST"),
    ("15.6", lambda hits, total: average_precision(hits, total, reached=True), "never reached counts as 0"),
    ("15.6", lambda hits, total: average_precision(hits, total, points=11), "that is 11 points"),
    (
        "15.6",
        lambda hits, total: (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].sum() / total,
        "mean precision at the hits",
    ),
    ("15.6", lambda hits, total: 0.25, "the average precision should be"),
    ("15.6", lambda hits, total: max(average_precision(hits, total), 0.1), "without a hit"),
    ("12.1", lambda *given: video_carried(*given, sign=-1), "other way round"),
    ("12.1", lambda *given: video_carried(*given, border=False), "leaves the frame"),
    ("12.1", lambda *given: video_carried(*given, swap=True), "channel 0 is u"),
    ("12.1", lambda label, b, f, beta: video_carried(label.flip(1), b, f, beta), "becomes 1 2 3 255"),
    ("12.1", lambda label, b, f, beta: video_carried(label, b * torch.tensor([1, -1]).view(2, 1, 1), f, beta), "BELOW"),
    ("12.1", lambda *given: video_carried(*given, there=False), "where the backward flow POINTS"),
    ("12.1", lambda *given: video_carried(*given, check=False), "end near its beginning"),
    ("12.1", lambda *given: video_carried(*given, squared=False), "SQUARED"),
    ("12.1", lambda label, b, f, beta: video_carried(label, b, f, beta + 0.2), "above 0.1"),
    ("12.1", lambda *given: video_carried(*given)[0], "of shape"),
    ("12.2", lambda flow, h, w: flow, "becomes \\(2, 8, 16\\)"),
    ("12.2", lambda *given: video_resized(*given, scale=lambda h, w: (1.0, 1.0)), "they become longer"),
    ("12.2", lambda *given: video_resized(*given, scale=lambda h, w: (h, h)), "the published slip"),
    ("12.2", lambda *given: video_resized(*given, scale=lambda h, w: (h, w)), "the published slip"),
    ("12.2", lambda *given: video_resized(*given, scale=lambda h, w: (w, w)), "v should be 10"),
    ("12.2", lambda flow, h, w: video_resized(flow.flip(-1), h, w), "still does"),
    ("12.3", lambda entropies: entropies.softmax(0), "UNSURE"),
    ("12.3", lambda entropies: torch.full((3,), 1 / 3), "equal weights"),
    ("12.3", lambda entropies: 1 - entropies, "the sum of the weights"),
    ("12.3", lambda entropies: (1 - entropies) / (1 - entropies).sum(), "soft-max of minus"),
    ("12.3", lambda entropies: entropies.sum(), "one weight a pair"),
    ("12.4", lambda *given: video_agreement(*given, carry=False), "along the flow first"),
    ("12.4", lambda *given: video_agreement(*given, masked=False), "neither for nor against"),
    ("12.4", lambda *given: 1 - video_agreement(*given), "was not"),
    ("12.4", lambda *given: video_agreement(*given).nan_to_num(), "NaN"),
    ("12.5", lambda top, below, now, before: torch.where(before, top, below), "CURRENT"),
    ("12.5", lambda top, below, now, before: torch.where(now | before, top, below), "what lies below"),
    ("12.5", lambda top, below, now, before: torch.where(now, below, top), "TEMPLATE's"),
    ("12.5", lambda top, below, now, before: top, "else the other"),
    ("12.5", lambda top, below, now, before: torch.where(now, top, below)[0], "a flow \\(2, 1, 5\\)"),
    ("16.1", lambda scores: (np.median(scores), np.std(scores, ddof=1)), "the mean of"),
    ("16.1", lambda scores: (np.mean(scores), np.std(scores)), "n - 1"),
    ("16.2", in_order, "match the seeds"),
    ("16.2", lambda a, b: (seed_spread(a.values())[0] - seed_spread(b.values())[0], 5.0), "match the seeds"),
    ("16.2", lambda a, b: (np.mean([a[s] - b.get(s, 0) for s in a]), 1.0), "no partner"),
    ("16.3", 4, "first n"),
    ("16.4", lambda a, b: {k for k in a if a[k] != b.get(k)}, "on one side only"),
    ("16.4", lambda a, b: set(a) | set(b), "batch"),
    ("16.4", lambda a, b: {k for k in a | b if a.get(k) != b.get(k)}, "alone misses it"),
    ("16.5", lambda ours, spread, published: abs(published - ours) <= spread, "less than two spreads"),
    ("16.5", lambda ours, spread, published: True, "far more"),
    ("16.5", lambda ours, spread, published: published - ours <= 2 * spread, "absolute value"),
    ("17.1", lambda found: {raw: i for i, raw in enumerate(sorted(found))}, "nobody knows: its train id is 255"),
    ("17.1", lambda found: own_ids(found, order=lambda ids: sorted(ids, reverse=True)), "sort the ids"),
    ("17.1", lambda found: own_ids(found, mask=False), "0 and 255 ALONE"),
    ("17.1", lambda found: {}, "are two classes"),
    ("17.1", lambda found: own_ids(found) if len(found) != 3 or 255 in found else {}, "expected {3: 0"),
    ("17.2", lambda h, w, side: (side, 2 * side), "would become an egg"),
    ("17.2", lambda h, w, side: (side * h // min(h, w), side * w // min(h, w)), "shorter side 64"),
    ("17.2", lambda h, w, side: own_size(h, w, side)[::-1], "the height comes first"),
    ("17.2", lambda h, w, side: own_size(h, w, side * 2), "one factor for both sides"),
    (
        "17.3",
        lambda label, classes: own_classes(label.astype(np.uint8), {r % 256: t for r, t in classes.items()}),
        "144",
    ),
    ("17.3", lambda label, classes: own_classes(label, classes).astype(int), "fit into uint8"),
    ("17.3", lambda label, classes: np.where(label == 7000, 0, 1).astype(np.uint8), "expected|144"),
    ("17.3", lambda label, classes: own_classes(label, classes)[0], "stays \\(2, 3\\)"),
    ("17.3", fill_in_place, "in place"),
    ("17.4", lambda names, k: (names[1:], names[:2]), "in both parts"),
    ("17.4", lambda names, k: (names[1::2], names[2::2]), "belongs to one"),
    ("17.4", lambda names, k: (names[1::k], names[::k]), "frames of dawn, dusk, noon, rain are in both"),
    ("17.4", lambda names, k: (names[3:], names[:3]), "of four drives every second"),
    ("17.5", lambda frame: frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2], "cuts a row"),
    ("17.5", lambda frame: frame, "becomes 6 x 8"),
    ("17.5", lambda frame: np.pad(frame, ((0, 1), (0, 1), (0, 0))), "black would show"),
    ("17.5", lambda frame: np.pad(frame, ((1, 0), (1, 0), (0, 0)), mode="edge"), "upper left corner"),
    ("17.5", lambda frame: np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge"), "stays as it is"),
    ("17.5", half_even, "added column"),
]


def test_every_exercise_has_a_right_and_a_wrong_answer_here():
    assert set(RIGHT) == set(EXERCISES) == {key for key, _, _ in WRONG}


@pytest.mark.parametrize("key", sorted(RIGHT))
def test_right_answers_pass(key):
    feedback = check(key, RIGHT[key])
    assert feedback.right, str(feedback)
    assert str(feedback).startswith("✓")


@pytest.mark.parametrize(("key", "answer", "hint"), WRONG)
def test_wrong_answers_fail_with_a_fitting_hint(key, answer, hint):
    feedback = check(key, answer)
    assert not feedback
    assert re.search(hint, feedback.message), feedback.message


@pytest.mark.parametrize("key", sorted(EXERCISES))
def test_no_answer_repeats_the_question(key):
    for empty in (None, ...):
        assert "no answer yet" in check(key, empty).message


@pytest.mark.parametrize("key", sorted(set(EXERCISES) - {"00.5", "16.3"}))
def test_a_value_instead_of_a_function_and_a_crash_are_told(key):
    assert "the function itself" in check(key, 3).message
    assert "KeyError" in check(key, crash).message
    assert "returns nothing yet" in check(key, lambda *_: None).message


def test_unknown_exercise_lists_the_nearest():
    with pytest.raises(UnknownNameError, match=r"0\d\.1"):
        check("0.1", 1)


def test_feedback_shows_a_sign_a_word_and_escapes_html():
    feedback = check("00.5", "<b>")
    assert "✗ not yet" in feedback._repr_html_()
    assert "<b>" not in feedback._repr_html_()
