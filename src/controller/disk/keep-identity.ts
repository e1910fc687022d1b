import type { AzVolume } from "../../core/api/az-volume.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { ownIdentity } from "../../core/volume/replaced-disk.ts";
import { stateTagsOf } from "../../core/volume/tags/state-tags.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { RecoveryPorts } from "../controller-ports.ts";
import { differingTag, driverTags } from "./disk-tags.ts";
import { mayWriteDisk } from "./may-write-disk.ts";

/**
 * Writes missing tags by which a disk is known as its volume's, where another tool has replaced all tags, as
 * Terraform does. Only on a disk that was made for this very object: no other disk gets tags of this
 * cluster. Tags that name another owner stay as they are, with an event. A failure is retried with the next
 * list, and delays no other disk.
 */
export async function keepIdentity(
  ports: RecoveryPorts,
  volume: AzVolume,
  listed: DiskFacts,
  signal: AbortSignal,
): Promise<void> {
  const { metadata, status } = volume;
  const detail = status?.detail;
  if (detail?.isMadeForObject !== true || isDeleting(volume)) return;
  const own = driverTags(volume, ports.clusterId);
  const differing = differingTag(own, listed.tags);
  if (differing !== undefined) return reportDiffering(ports, metadata.name, listed, differing);
  const missing = Object.entries(own).filter(([name]) => listed.tags[name] === undefined);
  if (missing.length === 0) return;
  // In one write with the state: a disk with the uid of its object and without state passes for a new one.
  const state = stateTagsOf(status);
  const isAsPlanned = (present: AzVolume): boolean =>
    !isDeleting(present) && sameJson(stateTagsOf(present.status), state);
  const tagged = await ports.steps.run("tag-disk", () =>
    ports.cloud.tagDisk(
      {
        diskUri: detail.diskUri,
        ...ownIdentity(volume),
        tags: { ...Object.fromEntries(missing), ...state },
        isToBeTagged: (present) => differingTag(own, present) === undefined,
        precondition: mayWriteDisk(ports, volume, isAsPlanned),
      },
      signal,
    ),
  );
  if (tagged.ok) ports.logger.info("missing tags of a disk written", { volumeName: metadata.name });
  else reportTagsNotWritten(ports, metadata.name, tagged.failure);
}

function reportDiffering(
  { events }: RecoveryPorts,
  name: string,
  { diskUri, tags }: DiskFacts,
  tag: string,
): void {
  events.emit({
    about: { kind: "AzVolume", name },
    reason: "DiskTagsDiffer",
    message: `the tag ${tag} of disk ${diskUri} is "${tags[tag]}", which is not the value for this volume`,
  });
}

function reportTagsNotWritten({ events, logger }: RecoveryPorts, name: string, failure: Failure): void {
  // A deleted disk needs no tags. Refused: volume or tags have changed, and the next list shows it.
  if (failure.kind === "DiskNotFound" || failure.kind === "Refused" || failure.kind === "Cancelled") return;
  logger.warn("tags of a disk are missing and could not be written", { volumeName: name, failure });
  if (isRetryable(failure)) return;
  events.emit({
    about: { kind: "AzVolume", name },
    reason: "StateNotKept",
    ...failureEventText("its disk lacks the tags that name this cluster and volume", failure),
  });
}
