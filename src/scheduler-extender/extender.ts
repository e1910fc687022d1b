import { stackOf } from "../core/failure/message-of.ts";
import { filterNodes, type RemovalReason } from "../core/schedule/filter-nodes.ts";
import type { PodVolume } from "../core/schedule/pod-volume.ts";
import { scoreNodes } from "../core/schedule/score-nodes.ts";
import type { Logger } from "../ports/logger.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  type ExtenderArgs,
  readExtenderArgs,
  writeFilterError,
  writeFilterResult,
  writeHostPriorities,
} from "./extender-wire.ts";
import { NameMemory, placeOfName } from "./node-names.ts";
import type { PlacementIndex } from "./placement-index.ts";
import { volumeReferences } from "./pod-request.ts";

/** The calls that kube-scheduler may make. */
export type ExtenderVerb = "filter" | "prioritize";

/** The answer to a request. */
export interface ExtenderAnswer {
  /**
   * `refused`: the request can't be read. `neutral`: no judgement of the nodes, for a reason that is in
   * the log.
   */
  readonly outcome: "answered" | "neutral" | "refused";
  /** JSON; mostly what is in the writer that was given. */
  readonly body: Buffer;
  /** Nodes that were removed, by reason. */
  readonly removed: ReadonlyMap<RemovalReason, number>;
}

/** Answers kube-scheduler's questions about one pod, from memory, into the given empty writer. */
export type AnswerExtender = (verb: ExtenderVerb, body: Buffer, into: ByteWriter) => ExtenderAnswer;

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
  const memory = new NameMemory();

  function decide(verb: ExtenderVerb, args: ExtenderArgs, into: ByteWriter): ExtenderAnswer {
    const volumes = index.podVolumes(volumeReferences(args.pod));
    index.refreshHealth();
    if (verb === "prioritize")
      return {
        outcome: "answered",
        body: writeHostPriorities(into, args.nodeNames, scoresOf(args, volumes)),
        removed: NONE_REMOVED,
      };
    const removed =
      volumes.length === 0
        ? new Map<number, RemovalReason>()
        : filterNodes(index.findNodes(args.nodeNames), volumes);
    const counts = new Map<RemovalReason, number>();
    for (const because of removed.values()) counts.set(because, (counts.get(because) ?? 0) + 1);
    return { outcome: "answered", body: writeFilterResult(into, args, removed), removed: counts };
  }

  /** By the nodes' places. */
  function scoresOf({ nodeNames }: ExtenderArgs, volumes: readonly PodVolume[]): ReadonlyMap<number, number> {
    const byName = scoreNodes({ volumes, findNode: index.findNode });
    const byPlace = [...byName].map(
      ([nodeName, score]) => [placeOfName(nodeNames, nodeName), score] as const,
    );
    return new Map(byPlace.filter(([place]) => place !== -1));
  }

  function neutral(verb: ExtenderVerb, args: ExtenderArgs, into: ByteWriter): ExtenderAnswer {
    into.clear();
    const body =
      verb === "filter"
        ? writeFilterResult(into, args, new Map())
        : writeHostPriorities(into, args.nodeNames, new Map());
    return { outcome: "neutral", body, removed: NONE_REMOVED };
  }

  return (verb, body, into) => {
    const args = readExtenderArgs(body, memory);
    if (!args.ok) {
      logger.warn("extender request can't be read", { verb, problem: args.failure, sizeBytes: body.length });
      return {
        outcome: "refused",
        body: verb === "filter" ? writeFilterError(args.failure) : Buffer.from("[]"),
        removed: NONE_REMOVED,
      };
    }
    const notReady = whyNotReady();
    if (notReady !== undefined) {
      logger.warn("extender answers neutrally", { verb, reason: notReady });
      return neutral(verb, args.value, into);
    }
    try {
      return decide(verb, args.value, into);
    } catch (error) {
      logger.error("extender failed on a request: a bug", {
        verb,
        error: stackOf(error),
      });
      return neutral(verb, args.value, into);
    }
  };
}
