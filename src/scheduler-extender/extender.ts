import { stackOf } from "../core/failure/message-of.ts";
import { ok, type Result } from "../core/failure/result.ts";
import {
  filterNodes,
  filterNodesForPreemption,
  reasonOf,
  type Removal,
  type RemovalReason,
} from "../core/schedule/filter-nodes.ts";
import type { PodVolume } from "../core/schedule/pod-volume.ts";
import { scoreNodes } from "../core/schedule/score-nodes.ts";
import type { Logger } from "../ports/logger.ts";
import {
  type ExtenderArgs,
  type PreemptionArgs,
  readExtenderArgs,
  readPreemptionArgs,
  writeFilterError,
  writeFilterResult,
  writeHostPriorities,
  writePreemptionResult,
} from "./extender-wire.ts";
import type { PlacementIndex } from "./placement-index.ts";
import { nominatedNodeName, podUid, type VolumeReference, volumeReferences } from "./pod-request.ts";

export type ExtenderVerb = "filter" | "prioritize" | "preempt";

export interface ExtenderAnswer {
  /**
   * `refused`: the request can't be read. `neutral`: no judgement of the nodes, for a reason that is in
   * the log.
   */
  readonly outcome: "answered" | "neutral" | "refused";
  readonly body: string;
  readonly removed: ReadonlyMap<RemovalReason, number>;
}

/**
 * Answers kube-scheduler's questions about one pod, from memory. Later, where the watches have not brought
 * the pod's claims yet; at once then if `signal` is aborted.
 */
export type AnswerExtender = (
  verb: ExtenderVerb,
  body: string,
  signal: AbortSignal,
) => ExtenderAnswer | Promise<ExtenderAnswer>;

const NONE_REMOVED: ExtenderAnswer["removed"] = new Map();

/**
 * Answers from the index. A request that can't be answered gets a neutral answer, which is logged:
 * every node passes, none is better than another. No pod waits because this process has a bug or has
 * not listed the cluster yet.
 */
export function createExtender(options: {
  readonly index: PlacementIndex;
  readonly whyNotReady: () => string | undefined;
  readonly logger: Logger;
}): AnswerExtender {
  const { index, whyNotReady, logger } = options;
  /**
   * The nomination that the last filter request was refused. A scheduler that then sends the same node has no
   * other: it handles one pod after the other, and sends each of them first its nominated node and then all.
   */
  let refusedNomination: string | undefined;

  function filter(args: ExtenderArgs): ExtenderAnswer {
    const removed = removedFrom(args, volumesOf(args.pod));
    return answered(writeFilterResult(args, removed), removed.values());
  }

  function prioritize({ pod, nodeNames }: ExtenderArgs): ExtenderAnswer {
    const scores = scoreNodes({ volumes: volumesOf(pod), findNode: index.findNode });
    return answered(writeHostPriorities(nodeNames, scores));
  }

  /** A pod's volumes, before its nodes are judged by their health now. */
  function volumesOf(pod: unknown): readonly PodVolume[] {
    const volumes = index.podVolumes(volumeReferences(pod));
    index.refreshHealth();
    return volumes;
  }

  function removedFrom(args: ExtenderArgs, volumes: readonly PodVolume[]): ReadonlyMap<number, Removal> {
    const nomination = nominationOf(args);
    const isRepeated = nomination !== undefined && nomination === refusedNomination;
    refusedNomination = undefined;
    if (volumes.length === 0) return new Map();
    const nodes = index.findNodes(args.nodeNames);
    const lacksPlugIn = (at: number): boolean => index.lacksPlugIn(args.nodeNames[at] ?? "");
    if (nomination === undefined || isRepeated) return filterNodes(nodes, volumes, lacksPlugIn);
    const removed = filterNodesForPreemption(nodes, volumes);
    if (removed.size > 0) refusedNomination = nomination;
    return removed;
  }

  /** Where pods would be evicted for a pod that can't use its volumes there, they are not. */
  function preempt(args: PreemptionArgs): ExtenderAnswer {
    const volumes = volumesOf(args.pod);
    const nodeNames = [...args.victims.keys()];
    const removed = filterNodesForPreemption(nodeNames.map(index.findNode), volumes);
    const removedNames = new Set(nodeNames.filter((_, at) => removed.has(at)));
    return answered(writePreemptionResult(args, removedNames), removed.values());
  }

  /** What each kind of request makes of a body, once that has been read. */
  function readRequest(verb: ExtenderVerb, body: string): Result<Request, string> {
    if (verb === "preempt") {
      const read = readPreemptionArgs(body);
      if (!read.ok) return read;
      const args = read.value;
      const unchanged = (): string => writePreemptionResult(args, new Set());
      return ok({ pod: args.pod, decide: () => preempt(args), neutral: () => neutral(unchanged()) });
    }
    const read = readExtenderArgs(body);
    if (!read.ok) return read;
    const args = read.value;
    const [decide, unchanged] =
      verb === "filter"
        ? [() => filter(args), () => writeFilterResult(args, new Map())]
        : [() => prioritize(args), () => writeHostPriorities(args.nodeNames, new Map())];
    return ok({ pod: args.pod, decide, neutral: () => neutral(unchanged()) });
  }

  /** No bug of this process delays a pod. */
  function orNeutral<Answer>(
    verb: ExtenderVerb,
    request: Request,
    attempt: () => Answer,
  ): Answer | ExtenderAnswer {
    try {
      return attempt();
    } catch (error) {
      logger.error("extender failed on a request: a bug", { verb, error: stackOf(error) });
      return request.neutral();
    }
  }

  function answerRead(verb: ExtenderVerb, request: Request): ExtenderAnswer {
    const notReady = whyNotReady();
    if (notReady === undefined) return orNeutral(verb, request, request.decide);
    logger.warn("extender answers neutrally", { verb, reason: notReady });
    return request.neutral();
  }

  function refuse(verb: ExtenderVerb, body: string, problem: string): ExtenderAnswer {
    logger.warn("extender request can't be read", { verb, problem, sizeBytes: Buffer.byteLength(body) });
    return {
      outcome: "refused",
      body: verb === "prioritize" ? "[]" : writeFilterError(problem),
      removed: NONE_REMOVED,
    };
  }

  async function filterOnceSeen(
    request: Request,
    references: readonly VolumeReference[],
    signal: AbortSignal,
  ): Promise<ExtenderAnswer> {
    await index.untilSeen(references, signal);
    const claims = index.unseenClaims(references);
    if (claims.length > 0) logger.warn("extender answers without claims that it has not seen", { claims });
    return answerRead("filter", request);
  }

  return (verb, body, signal) => {
    const request = readRequest(verb, body);
    if (!request.ok) return refuse(verb, body, request.failure);
    if (verb !== "filter" || whyNotReady() !== undefined) return answerRead(verb, request.value);
    return orNeutral(verb, request.value, () => {
      const references = volumeReferences(request.value.pod);
      return index.unseenClaims(references).length === 0
        ? answerRead(verb, request.value)
        : filterOnceSeen(request.value, references, signal);
    });
  };
}

interface Request {
  readonly pod: unknown;
  readonly decide: () => ExtenderAnswer;
  readonly neutral: () => ExtenderAnswer;
}

function answered(body: string, removals: Iterable<Removal> = []): ExtenderAnswer {
  return { outcome: "answered", body, removed: countsOf(removals) };
}

function neutral(body: string): ExtenderAnswer {
  return { outcome: "neutral", body, removed: NONE_REMOVED };
}

function countsOf(removals: Iterable<Removal>): ExtenderAnswer["removed"] {
  const counts = new Map<RemovalReason, number>();
  for (const removal of removals) {
    const because = reasonOf(removal);
    counts.set(because, (counts.get(because) ?? 0) + 1);
  }
  return counts;
}

/** The pod and its nominated node, where that is the only one sent; undefined: it is not. */
function nominationOf({ pod, nodeNames }: ExtenderArgs): string | undefined {
  const [nodeName = ""] = nodeNames;
  if (nodeNames.length !== 1) return undefined;
  return nodeName === nominatedNodeName(pod) ? `${podUid(pod) ?? ""} ${nodeName}` : undefined;
}
