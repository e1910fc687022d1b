import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { fromTimestamp, toTimestamp } from "../../core/primitives/timestamp.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * How often a recall is told of progress alone, in milliseconds: well below the least time without any
 * after which an unmount counts as stalled.
 */
const PROGRESS_MS = 5_000;

type Recall = NonNullable<NonNullable<AzVolumeAttachment["status"]>["recall"]>;

/** What a node has to say to a recall. */
export interface RecallAnswer {
  readonly id: string;
  readonly published: readonly string[];
  readonly majorMinor: string | undefined;
  readonly unmounting: boolean;
  /** Nothing is mounted any more, and the store has refused the give. Default: it has not. */
  readonly giveRefused?: boolean;
}

/**
 * Answers a recall: what is still published, whether the node is unmounting, and how far its writes have
 * come.
 */
export async function answerRecall(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  answer: RecallAnswer,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const progress =
    answer.majorMinor === undefined ? ok("") : await ports.host.writeProgress(answer.majorMinor, signal);
  if (!progress.ok) return progress;
  const recall: Recall = {
    id: answer.id,
    published: [...answer.published],
    unmounting: answer.unmounting,
    progress: progress.value,
    time: toTimestamp(ports.clock.nowMs()),
    ...(answer.giveRefused === true ? { giveRefused: true } : {}),
  };
  return ports.steps.run("answer-recall", () =>
    changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name: attachment.metadata.name },
      (present) => {
        const earlier = present.status?.recall;
        const isSameUse =
          earlier?.id === recall.id &&
          earlier.unmounting === recall.unmounting &&
          earlier.giveRefused === recall.giveRefused &&
          earlier.published.join("\n") === recall.published.join("\n");
        // The time alone is no news: an answer that did not move is how a stalled unmount is noticed. And
        // each answer wakes this node again: a workload that writes moves its progress meanwhile, and the
        // node would answer as fast as the store takes it.
        const isSame =
          isSameUse &&
          (earlier.progress === recall.progress ||
            Math.abs(ports.clock.nowMs() - fromTimestamp(earlier.time)) < PROGRESS_MS);
        return isSame || present.status === undefined
          ? undefined
          : { ...present, status: { ...present.status, recall } };
      },
      signal,
    ),
  );
}

/**
 * Runs an unmount and tells the recall of its progress meanwhile: flushing gigabytes takes minutes and is
 * healthy.
 */
export async function unmountUnderRecall(
  ports: NodePorts,
  recalled: {
    readonly attachment: AzVolumeAttachment | undefined;
    readonly recallId: string | undefined;
    readonly majorMinor: string | undefined;
  },
  unmount: () => Promise<Result<void, Failure>>,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { attachment, recallId: id, majorMinor } = recalled;
  if (attachment === undefined || id === undefined) return unmount();
  const ended = new AbortController();
  const untilEnded = AbortSignal.any([signal, ended.signal]);
  const told = tellProgress(
    ports,
    attachment,
    { id, published: [], majorMinor, unmounting: true },
    untilEnded,
  );
  try {
    return await unmount();
  } finally {
    ended.abort();
    await told;
  }
}

async function tellProgress(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  answer: RecallAnswer,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const answered = await answerRecall(ports, attachment, answer, signal).catch((error: unknown) => {
      if (signal.aborted) return ok(undefined);
      throw error;
    });
    if (!answered.ok && !signal.aborted)
      ports.logger.warn("recall not answered", {
        attachmentName: attachment.metadata.name,
        failure: answered.failure,
      });
    await ports.clock.sleep(PROGRESS_MS, signal).catch(() => undefined);
  }
}
