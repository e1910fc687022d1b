import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { EventReason } from "../core/events/event-reasons.ts";
import { failureLocalKey } from "../core/events/failure-local-key.ts";
import type { Failure } from "../core/failure/failure.ts";
import { sleepUnlessAborted } from "../ports/clock.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** From when on, and how often, a slow attach is reported, in milliseconds. */
const SLOW_MS = 30_000;

/** Emits an event about a disk on a node: on the volume, its node and waiting pods, as the reason asks. */
export function emitAttachmentEvent(
  ports: Pick<ControllerPorts, "events">,
  attachment: AzVolumeAttachment,
  reason: EventReason,
  message: string,
  failure?: Failure,
): void {
  const { volumeName, nodeName } = attachment.spec;
  const withLocalKey = failure === undefined ? {} : { localKey: `${nodeName} ${failureLocalKey(failure)}` };
  ports.events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason,
    message,
    waitingOn: [nodeName],
    ...withLocalKey,
  });
}

/** Reports a slow attach until it ends. Returns how it ended. */
export async function emitWhileSlow<T>(
  ports: Pick<ControllerPorts, "events" | "clock">,
  attachment: AzVolumeAttachment,
  attaching: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { clock } = ports;
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  const startedMs = clock.elapsedMs();

  async function emitWhenSlow(): Promise<void> {
    while (!ended.aborted) {
      await sleepUnlessAborted(clock, SLOW_MS, ended);
      if (ended.aborted) return;
      const { volumeName, nodeName } = attachment.spec;
      ports.events.emit({
        about: { kind: "AzVolume", name: volumeName },
        nodeName,
        reason: "WaitingForAzure",
        message:
          `the attach to ${nodeName} has taken ` +
          `${Math.round((clock.elapsedMs() - startedMs) / 1_000)} s so far`,
        waitingOn: [nodeName],
        localKey: nodeName,
      });
    }
  }

  const [attached] = await Promise.all([attaching.finally(() => done.abort()), emitWhenSlow()]);
  return attached;
}

/** Reports to the users of a volume that its disk is not on the node that holds it. */
export function emitLost(
  { events }: Pick<ControllerPorts, "events">,
  { spec: { nodeName, volumeName } }: AzVolumeAttachment,
): void {
  const message = `${nodeName} writes the volume, and its disk is no longer there`;
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DiskLost",
    message,
    localKey: nodeName,
  });
}
