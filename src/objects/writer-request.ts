import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import type { NodeIdentity } from "../core/api/identity/node-identity.ts";
import { earlierVmOf } from "../core/attachment/attachment-state.ts";
import type { Failure } from "../core/failure/failure.ts";
import { stillWaiting } from "../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { sameJson } from "../core/primitives/same-json.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";
import type { Clock } from "../ports/clock.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { namedAttachment } from "./named-attachment.ts";
import { newAttachment } from "./new-attachment.ts";
import { asStaged, withoutStaged } from "./staged-mark.ts";
import { changeSpec } from "./update-object.ts";

/** The ports that stating and withdrawing a request need. */
export interface RequestPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly steps: Steps;
}

/** A request for a volume on a node. */
export interface StatedRequest {
  readonly volume: AzVolume;
  readonly nodeName: string;
  readonly readOnly?: boolean;
  readonly volumeContext: Readonly<Record<string, string>>;
  /** Stated by ControllerPublishVolume: the CSI client is the user. */
  readonly published?: true;
}

/**
 * Requests the volume for a node that has no AzVolumeAttachment of it: creates one. Fails with
 * `ObjectAlreadyExists` where there is one, and with `StillWaiting` while the disk is being created.
 */
export function createRequest(
  ports: RequestPorts,
  stated: StatedRequest,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return ports.steps.run("request", () => createRequested(ports, stated, signal));
}

async function createRequested(
  { store, clock }: RequestPorts,
  { volume, nodeName, readOnly = false, volumeContext, published }: StatedRequest,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const volumeName = volume.metadata.name;
  const volumeId = volume.status?.detail?.diskUri;
  if (volumeId === undefined) return stillWaiting(volumeName, "its disk to be created");
  const requested = newAttachment({
    volumeName,
    volumeId,
    nodeName,
    role: "Primary",
    writerRequest: { since: toTimestamp(clock.nowMs()) },
    ...(published === undefined ? {} : { published }),
    readOnly,
    volumeContext,
  });
  return store.create("AzVolumeAttachment", requested, signal);
}

/**
 * Requests the volume for a node with a replica, on the version that a cache shows. Fails with
 * `ObjectConflict` where it has changed since, and with `ObjectNotFound` where it is gone.
 */
export function requestOnReplica(
  { store, clock, steps }: RequestPorts,
  replica: AzVolumeAttachment,
  { readOnly = false, published }: Pick<StatedRequest, "readOnly" | "published">,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const since = toTimestamp(clock.nowMs());
  const requested = requesting(replica, { since, readOnly, ...(published && { published }) });
  return steps.run("request", () => store.update("AzVolumeAttachment", requested ?? replica, signal));
}

/**
 * Requests the volume for a node: its AzVolumeAttachment is created, or becomes Primary. A standing
 * request keeps its age. Fails with `OperationInProgress` while the attachment is still being detached,
 * and with `StillWaiting` while another object has its name.
 */
export async function requestWriter(
  ports: RequestPorts,
  request: StatedRequest & {
    /** Whether a missing attachment is created; otherwise fails with `ObjectNotFound`. Default true. */
    readonly creates?: boolean;
    /** What the caller has just read under its name: saves the first read. */
    readonly attachmentRead?: Result<AzVolumeAttachment>;
  },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  // Only ControllerPublishVolume says how the volume is published; other callers leave that unchanged.
  const { volume, nodeName, readOnly } = request;
  const published = request.published === undefined ? {} : { published: request.published };
  const volumeName = volume.metadata.name;
  const volumeId = volume.status?.detail?.diskUri;
  if (volumeId === undefined) return stillWaiting(volumeName, "its disk to be created");
  const target = namedAttachment({ volumeName, diskUri: volumeId, nodeName });
  const since = toTimestamp(ports.clock.nowMs());
  const { attachmentRead } = request;
  const change = (seen?: AzVolumeAttachment): Promise<Result<AzVolumeAttachment>> =>
    changeSpec(
      ports.store,
      { ...target, seen: () => seen },
      (present) => requesting(present, { since, readOnly: readOnly ?? present.spec.readOnly, ...published }),
      signal,
    );
  return ports.steps.run("request", async () => {
    const isMissing = attachmentRead?.ok === false && attachmentRead.failure.kind === "ObjectNotFound";
    const present = isMissing
      ? attachmentRead
      : await change(attachmentRead?.ok === true ? attachmentRead.value : undefined);
    if (present.ok || present.failure.kind !== "ObjectNotFound")
      return unlessLeaving(present, volumeId, nodeName);
    if (request.creates === false) return present;
    const created = await createRequested(ports, request, signal);
    if (created.ok || created.failure.kind !== "ObjectAlreadyExists") return created;
    // The controller may have created a replica in between.
    const found = await change();
    return found.ok || found.failure.kind !== "ObjectNotFound"
      ? unlessLeaving(found, volumeId, nodeName)
      : fail(nameTaken(target.name, volumeId));
  });
}

function nameTaken(name: string, volumeId: string): Failure {
  return {
    kind: "StillWaiting",
    volumeId,
    what: `the controller to delete AzVolumeAttachment ${name}, which is about another volume or node`,
  };
}

function unlessLeaving(
  attachment: Result<AzVolumeAttachment>,
  volumeId: string,
  nodeName: string,
): Result<AzVolumeAttachment> {
  if (!attachment.ok || attachment.value.metadata.deletionTimestamp === undefined) return attachment;
  return fail({ kind: "OperationInProgress", volumeId, operation: `detach from ${nodeName}` });
}

function requesting(
  present: AzVolumeAttachment,
  { since, ...stated }: { readonly since: string; readonly readOnly: boolean; readonly published?: true },
): AzVolumeAttachment | undefined {
  if (present.metadata.deletionTimestamp !== undefined) return undefined;
  const spec = {
    ...present.spec,
    ...stated,
    role: "Primary" as const,
    writerRequest: present.spec.writerRequest ?? { since },
  };
  return sameJson(spec, present.spec) ? undefined : { ...present, spec };
}

interface RequestPlace {
  readonly volumeId: string;
  readonly nodeName: string;
  /** The attachment of that name as a cache shows it: `ChangeTarget.seen`. Default: it is read first. */
  readonly seen?: (name: string) => AzVolumeAttachment | undefined;
}

/**
 * Withdraws a node's request in its AzVolumeAttachment. `keepsPrimary`: the orchestrator still has the
 * volume published there (NodeUnstageVolume before ControllerUnpublishVolume), so the disk stays
 * attached. `isShared`: several nodes may write the volume, and no record shows when the node has unstaged
 * it; a request that the node itself has not withdrawn leaves the mark that it may be staged. `isOwn`: the
 * node itself withdraws it, which has unstaged the volume, and leaves `published` to controllers. `onlyOf`:
 * the request stays where the attachment names another machine, which may run on under the same name and
 * have the volume staged: controllers withdraw it then. Success if there is no request. Answers the
 * attachment, or undefined if there is none.
 */
export async function withdrawRequest(
  ports: RequestPorts,
  request: RequestPlace & {
    readonly keepsPrimary: boolean;
    readonly isShared: boolean;
    readonly isOwn?: boolean;
    readonly onlyOf?: NodeIdentity;
  },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment | undefined>> {
  const { onlyOf } = request;
  return changeRequest(
    ports,
    request,
    (present) => {
      if (onlyOf !== undefined && earlierVmOf(present, onlyOf) !== undefined) return undefined;
      const left = request.isOwn === true ? withoutStaged(present) : leftStaged(present, request);
      if (!request.keepsPrimary) return changedFrom(present, demoted(left, request));
      const { writerRequest: _, ...spec } = left.spec;
      return changedFrom(present, { ...left, spec });
    },
    signal,
  );
}

/**
 * Makes a replica of the primary that a node no longer requests, where no ControllerUnpublishVolume
 * follows. A request stated since then stays, with its role.
 */
export function demoteUnrequested(
  ports: RequestPorts,
  where: { readonly volumeId: string; readonly nodeName: string },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment | undefined>> {
  return changeRequest(
    ports,
    where,
    (present) =>
      present.spec.writerRequest === undefined && present.spec.role === "Primary"
        ? changedFrom(present, demoted(present, {}))
        : undefined,
    signal,
  );
}

/** Where no attach has begun there is no disk to stage. */
function leftStaged(
  present: AzVolumeAttachment,
  { isShared }: { readonly isShared: boolean },
): AzVolumeAttachment {
  const mayHaveIt =
    present.spec.writerRequest !== undefined && (present.status?.state ?? "Pending") !== "Pending";
  return isShared && mayHaveIt ? (asStaged(present) ?? present) : present;
}

/** The attachment as a replica without a request. */
function demoted(
  present: AzVolumeAttachment,
  { isOwn = false }: { readonly isOwn?: boolean },
): AzVolumeAttachment {
  const { writerRequest: _, published, ...kept } = present.spec;
  const staysPublished = isOwn && published === true ? { published } : {};
  return { ...present, spec: { ...kept, role: "Replica", ...staysPublished } };
}

/** Undefined: nothing is changed. */
function changedFrom(
  present: AzVolumeAttachment,
  changed: AzVolumeAttachment,
): AzVolumeAttachment | undefined {
  return sameJson(changed.spec, present.spec) ? undefined : changed;
}

/** Success without an attachment if there is none of that name. */
async function changeRequest(
  ports: RequestPorts,
  { volumeId, nodeName, seen }: RequestPlace,
  change: (present: AzVolumeAttachment) => AzVolumeAttachment | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment | undefined>> {
  const named = namedAttachment({ diskUri: volumeId, nodeName });
  const target = { ...named, seen: () => seen?.(named.name) };
  const changed = await ports.steps.run("withdraw", () => changeSpec(ports.store, target, change, signal));
  return changed.ok || changed.failure.kind !== "ObjectNotFound" ? changed : ok(undefined);
}
