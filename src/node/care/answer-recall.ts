import { reportedTargets } from "../../core/api/attachment-bounds.ts";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { fromTimestamp, toTimestamp } from "../../core/primitives/timestamp.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";

/**
 * Interval of answers with progress alone, in milliseconds: well below the least time without progress
 * after which an unmount counts as stalled.
 */
const PROGRESS_MS = 5_000;

type Recall = NonNullable<AttachmentStatus["recall"]>;

export interface RecallAnswer {
  readonly id: string;
  readonly published: readonly string[];
  readonly majorMinor: string | undefined;
  readonly unmounting: boolean;
  /** Nothing is mounted any more, and the store has refused the release. Default: it has not. */
  readonly releaseRefused?: boolean | undefined;
}

/**
 * Answers a recall: which targets are still published, whether the node is unmounting, and the progress
 * of its writes.
 */
export async function answerRecall(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  answer: RecallAnswer,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const progress =
    answer.majorMinor === undefined ? ok("") : await ports.host.writeProgress(answer.majorMinor, signal);
  if (!progress.ok) return progress;
  const given: Omit<Recall, "id"> = {
    published: [...reportedTargets(answer.published)],
    unmounting: answer.unmounting,
    progress: progress.value,
    time: toTimestamp(ports.clock.nowMs()),
    ...(answer.releaseRefused === true ? { releaseRefused: true } : {}),
  };
  return ports.steps.run("answer-recall", () =>
    changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name: attachment.metadata.name },
      (present) => {
        // A node that was silent is recalled again, also in the middle of an unmount.
        const recall: Recall = { ...given, id: present.spec.recall?.id ?? answer.id };
        const earlier = present.status?.recall;
        const isSameUse =
          earlier?.id === recall.id &&
          earlier.unmounting === recall.unmounting &&
          earlier.releaseRefused === recall.releaseRefused &&
          earlier.published.join("\n") === recall.published.join("\n");
        // A new time alone is not written: an unchanged answer shows a stalled unmount. Each answer also
        // wakes this node again: while a workload writes, its progress changes, and the node would answer
        // as fast as the store accepts it.
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
 * Renews this node's answer to a recall while it can't look at the mounts, as where another disk covers the
 * kubelet's folder. The writes of a pod are progress all the same: a node without progress is fenced.
 */
export async function renewAnswer(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const attachment = ownAttachment(ports, volumeName);
  const { majorMinor } = checkpointOf(ports, volumeName) ?? {};
  const earlier = attachment?.status?.recall;
  if (attachment === undefined || earlier === undefined || majorMinor === undefined) return ok({});
  return earlier.id === attachment.spec.recall?.id
    ? answerRecall(ports, attachment, { ...earlier, majorMinor }, signal)
    : ok({});
}

/**
 * Runs an unmount and reports its progress to the recall: flushing gigabytes takes minutes and is
 * healthy.
 */
export async function unmountUnderRecall(
  ports: NodePorts,
  recalled: {
    readonly attachment: AzVolumeAttachment | undefined;
    readonly recallId: string | undefined;
    readonly majorMinor: string | undefined;
  },
  unmount: () => Promise<Result<void>>,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { attachment, recallId: id, majorMinor } = recalled;
  if (attachment === undefined || id === undefined) return unmount();
  const ended = new AbortController();
  const untilEnded = AbortSignal.any([signal, ended.signal]);
  const reporting = reportProgress(
    ports,
    attachment,
    { id, published: [], majorMinor, unmounting: true },
    untilEnded,
  );
  try {
    return await unmount();
  } finally {
    ended.abort();
    await reporting;
  }
}

async function reportProgress(
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
