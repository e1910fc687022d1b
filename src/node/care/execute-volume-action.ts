import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { NodeVolumeAction } from "../../core/node/plan-node-volume.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { takeBackStaged } from "../../objects/staged-mark.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { verifyClean } from "../writer/verify-clean.ts";
import { answerRecall } from "./answer-recall.ts";
import { cleanUp } from "./clean-up.ts";
import type { OwnVolume } from "./own-volume.ts";
import { checkpointEpoch, reclaimVolume } from "./reclaim-volume.ts";
import { releaseAfterUnmount } from "./release-after-unmount.ts";
import { reserveAgain } from "./reserve-again.ts";

export async function executeVolumeAction(
  ports: NodePorts,
  target: OwnVolume,
  action: NodeVolumeAction,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeName } = target;
  switch (action.kind) {
    case "Reclaim":
      return reclaimVolume(ports, target, action.epochKnown, signal);
    case "Checkpoint":
      return target.volume === undefined || target.checkpoint === undefined
        ? ok({})
        : checkpointEpoch(ports, target.volume, target.checkpoint, action.epoch, signal);
    case "Reserve":
      return reserveAgain(ports, target, signal);
    case "ReportDispute":
      return reportDispute(ports, volumeName, action.reclaimedBy);
    case "RequestWriter":
      return restoreLostRequest(ports, target, signal);
    case "TakeBackStaged":
      return takeBackOwnMark(ports, target, signal);
    case "AnswerRecall":
      return target.attachment === undefined
        ? ok({})
        : answerRecall(
            ports,
            target.attachment,
            {
              id: action.recallId,
              published: target.observed.targets,
              majorMinor: target.checkpoint?.majorMinor,
              unmounting: false,
            },
            signal,
          );
    case "Release":
      return releaseAfterUnmount(ports, target, action, signal);
    case "CleanUp":
      return cleanUp(ports, target, action, signal);
    default:
      return unreachable(action);
  }
}

/** The heartbeat reports it, too, for as long as it lasts. */
async function reportDispute(
  ports: NodePorts,
  volumeName: string,
  reclaimedBy: string,
): Promise<Result<void>> {
  const message = `${reclaimedBy} has reclaimed ${volumeName}, which a pod of ${ports.node.nodeName} uses`;
  ports.disputes.set(volumeName, message);
  emitOnVolume(ports, volumeName, "ReclaimDisputed", message);
  return ok(undefined);
}

async function restoreLostRequest(
  ports: NodePorts,
  { volume, volumeName }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  if (volume === undefined) return ok({});
  const stated = await requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: volume.spec.volumeContext },
    signal,
  );
  if (stated.ok)
    ports.logger.warn("request renewed: its attachment was lost", {
      volumeName,
      nodeName: ports.node.nodeName,
    });
  return stated;
}

/** Only a clean node takes the mark back. An attachment that is gone by now has none. */
async function takeBackOwnMark(
  ports: NodePorts,
  target: OwnVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeId, volumeName } = target;
  const { nodeName } = ports.node;
  const check = { needsDevice: false, isFlushed: true, flushes: false };
  const clean = await verifyClean(ports, target, check, signal);
  if (!clean.ok) return clean;
  const takenBack = await takeBackStaged(ports, { volumeId, node: ports.node }, signal);
  if (takenBack.ok) ports.logger.info("mark of a staged volume taken back", { volumeName, nodeName });
  return ignoreNotFound(takenBack);
}
