import { filterNodes, type RemovalReason } from "../core/schedule/filter-nodes.ts";
import { scoreNodes } from "../core/schedule/score-nodes.ts";
import type { Logger } from "../ports/logger.ts";
import { type ExtenderArgs, readExtenderArgs, writeFilterError, writeFilterResult, writeHostPriorities } from "./extender-wire.ts";
import type { PlacementIndex } from "./placement-index.ts";
import { volumeReferences } from "./pod-request.ts";

/** What kube-scheduler may ask. */
export type ExtenderVerb = "filter" | "prioritize";

/** What is answered. */
export interface ExtenderAnswer {
  /** `refused`: the request can't be read. `neutral`: nothing is said about the nodes, for a reason that is in the log. */
  readonly outcome: "answered" | "neutral" | "refused";
  /** JSON. */
  readonly text: string;
  /** Nodes that were removed, by reason. */
  readonly removed: ReadonlyMap<RemovalReason, number>;
}

/** Answers kube-scheduler's questions about one pod, from memory. */
export type AnswerExtender = (verb: ExtenderVerb, body: string) => ExtenderAnswer;

const NONE_REMOVED: ExtenderAnswer["removed"] = new Map();

/**
 * Answers from the index. What can't be answered is answered neutrally, and logged: every node passes, none is better than another. A pod is never kept waiting
 * because this process is confused or has not seen the cluster yet.
 */
export function createExtender(options: {
  readonly index: PlacementIndex;
  readonly whyNotReady: () => string | undefined;
  readonly logger: Logger;
}): AnswerExtender {
  const { index, whyNotReady, logger } = options;

  function decide(verb: ExtenderVerb, args: ExtenderArgs): ExtenderAnswer {
    const volumes = index.podVolumes(volumeReferences(args.pod));
    index.refreshHealth();
    if (verb === "prioritize") {
      return { outcome: "answered", text: writeHostPriorities(args.nodeNames, scoreNodes({ volumes, findNode: index.findNode })), removed: NONE_REMOVED };
    }
    const filtered = filterNodes({ nodeNames: args.nodeNames, volumes, findNode: index.findNode });
    const removed = new Map<RemovalReason, number>();
    for (const { because } of filtered.removed) removed.set(because, (removed.get(because) ?? 0) + 1);
    return { outcome: "answered", text: writeFilterResult(args, filtered), removed };
  }

  function neutral(verb: ExtenderVerb, args: ExtenderArgs): ExtenderAnswer {
    const text = verb === "filter" ? writeFilterResult(args, { passed: args.nodeNames, removed: [] }) : writeHostPriorities(args.nodeNames, new Map());
    return { outcome: "neutral", text, removed: NONE_REMOVED };
  }

  return (verb, body) => {
    const args = readExtenderArgs(body);
    if (!args.ok) {
      logger.warn("extender request can't be read", { verb, problem: args.failure, chars: body.length });
      return { outcome: "refused", text: verb === "filter" ? writeFilterError(args.failure) : "[]", removed: NONE_REMOVED };
    }
    const notReady = whyNotReady();
    if (notReady !== undefined) {
      logger.warn("extender answers neutrally", { verb, reason: notReady });
      return neutral(verb, args.value);
    }
    try {
      return decide(verb, args.value);
    } catch (error) {
      logger.error("extender failed on a request: a bug", { verb, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return neutral(verb, args.value);
    }
  };
}
