import type { SimMachine } from "../../azure/sim-machine.ts";
import type { CsiAnswer } from "../../driver/endpoints.ts";
import type { CopyHistory } from "../../history/copy-history.ts";
import type { SnapshotHistory } from "../../history/snapshot-history.ts";
import type { Violation } from "../../history/violation.ts";
import { refusalIsAllowed } from "./allowed-codes.ts";
import type { CsiMethod, CsiServices } from "./csi-method.ts";

const V2 = "PremiumV2_LRS";

/** What the judge may look at. */
export interface CsiJudgeOptions {
  readonly machineOf: (nodeName: string) => SimMachine | undefined;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
  /** The name of the volume that has a disk, for messages. */
  readonly volumeNameOf: (volumeId: string) => string;
  /** Whether another cluster has a disk of that name, in any case. Default: none has. */
  readonly isTakenByOthers?: ((diskName: string) => boolean) | undefined;
  /** A CreateVolume has returned that volume. */
  readonly onCreated?: (volumeId: string) => void;
  /** A DeleteVolume is about to be called. */
  readonly onDeleteVolume?: (volumeId: string) => void;
  /** Compares snapshots with what was answered before. Default: none are compared. */
  readonly snapshots?: SnapshotHistory | undefined;
  /** Compares copied volumes with their sources. Default: none are compared. */
  readonly copies?: CopyHistory | undefined;
  /** Whether Azure has the disk of a volume. Default: that is not compared. */
  readonly isInAzure?: ((volumeId: string) => boolean) | undefined;
  /** The SKU of a volume's disk in Azure. Default: none is known. */
  readonly skuOf?: ((volumeId: string) => string | undefined) | undefined;
}

/** One answered call. */
interface Judged<Method extends CsiMethod> {
  readonly method: Method;
  readonly request: Parameters<CsiServices[Method]>[0];
  readonly answer: Awaited<ReturnType<CsiServices[Method]>>;
  /** The node whose plug-in was called; empty: the controller. */
  readonly nodeName: string;
  readonly machine: SimMachine | undefined;
}

/** A call to one of the driver's endpoints. */
export interface BegunCall {
  readonly method: CsiMethod;
  readonly request: unknown;
  /** The node whose plug-in is called; empty: the controller. */
  readonly nodeName: string;
}

/** Judges what the driver answers. */
export interface CsiJudge {
  /** A call begins. Returns what takes its answer; `isAwaited`: its caller still waits for it. */
  begin(call: BegunCall): (answer: CsiAnswer<unknown>, isAwaited: boolean) => void;
  /** The volume or snapshot that a request is about, for messages. */
  subjectOf(request: unknown): string;
}

/**
 * Compares each response of the driver with CSI and with what has really happened. Codes that a
 * well-formed request cannot lead to, volumes that differ from the request, and successes that did not
 * happen are reported as `csi-answer`.
 */
export function createCsiJudge(options: CsiJudgeOptions): CsiJudge {
  const { machineOf, report } = options;
  const idsByName = new Map<string, string>();
  const publishing = new Map<string, number>();
  return { begin, subjectOf };

  function begin({ method, request, nodeName }: BegunCall): ReturnType<CsiJudge["begin"]> {
    const machine = machineOf(nodeName);
    const wasTaken = isTaken(method, request);
    const publication = publicationOf(method, request);
    if (publication !== undefined) publishing.set(publication, (publishing.get(publication) ?? 0) + 1);
    const call = { method, request } as unknown as Omit<Judged<CsiMethod>, "answer">;
    if (is(call, "createVolume")) options.copies?.begins(call.request);
    else if (is(call, "createSnapshot")) options.snapshots?.begins(call.request);
    else if (is(call, "deleteSnapshot")) options.copies?.deletionBegins(call.request.snapshotId);
    else if (is(call, "deleteVolume")) {
      options.copies?.deletionBegins(call.request.volumeId);
      options.onDeleteVolume?.(call.request.volumeId);
    }
    return (answer, isAwaited) => {
      if (publication !== undefined) publishing.set(publication, (publishing.get(publication) ?? 1) - 1);
      if (is(call, "deleteVolume") && answer.ok)
        for (const [name, id] of idsByName) if (id === call.request.volumeId) idsByName.delete(name);
      if (!isAwaited) return;
      const subject = subjectOf(request);
      if (answer.ok)
        judgeSuccess({ method, request, answer, nodeName, machine } as unknown as Judged<CsiMethod>, subject);
      else if (!(wasTaken ? answer.code === "ALREADY_EXISTS" : isRefusalRight(method, request, answer.code)))
        judgeRefusal(method, subject, answer);
    };
  }

  function wrong(volumeName: string, detail: string): void {
    report({ invariant: "csi-answer", detail: `${volumeName}: ${detail}` });
  }

  function subjectOf(request: unknown): string {
    const { volumeId, snapshotId, name } = request as {
      readonly volumeId?: string;
      readonly snapshotId?: string;
      readonly name?: string;
    };
    const id = volumeId ?? snapshotId;
    return name ?? (id === undefined ? "driver" : options.volumeNameOf(id));
  }

  /** Whether a volume cannot be created because its disk's name is another cluster's. */
  function isTaken(method: CsiMethod, request: unknown): boolean {
    return method === "createVolume" && options.isTakenByOthers?.(subjectOf(request)) === true;
  }

  /** Whether a volume cannot be created, or modified, as it was requested. */
  function isRefusalRight(method: CsiMethod, request: unknown, code: string): boolean {
    if (method === "controllerModifyVolume") return requestsOtherSku(request) && code === "INVALID_ARGUMENT";
    if (method !== "createVolume") return false;
    if (isTaken(method, request) && code === "ALREADY_EXISTS") return true;
    return options.copies?.mayRefuse(request as Judged<"createVolume">["request"], code) === true;
  }

  /** Whether a user requests another SKU of a disk that is Premium SSD v2, which Azure never changes back. */
  function requestsOtherSku(request: unknown): boolean {
    const { volumeId, mutableParameters } = request as Judged<"controllerModifyVolume">["request"];
    const { skuName } = mutableParameters;
    return skuName !== undefined && skuName !== V2 && options.skuOf?.(volumeId) === V2;
  }

  function judgeRefusal(
    method: CsiMethod,
    volumeName: string,
    answer: CsiAnswer<unknown> & { readonly ok: false },
  ): void {
    if (!refusalIsAllowed(method, answer.code))
      wrong(volumeName, `${method} answered ${answer.code}: ${answer.message}`);
  }

  function judgeSuccess(judged: Judged<CsiMethod>, volumeName: string): void {
    if (is(judged, "createVolume")) judgeCreated(judged);
    else if (is(judged, "deleteVolume")) judgeDeleted(judged, volumeName);
    else if (is(judged, "controllerUnpublishVolume")) judgeUnpublished(judged, volumeName);
    else if (is(judged, "controllerExpandVolume"))
      judgeSize(
        volumeName,
        judged.request.capacityRange?.requiredBytes ?? 0n,
        judged.answer.ok ? judged.answer.value.capacityBytes : 0n,
      );
    else if (is(judged, "createSnapshot"))
      options.snapshots?.answered(
        judged.request.name,
        judged.answer.ok ? judged.answer.value.snapshot : undefined,
      );
    else if (is(judged, "deleteSnapshot")) {
      options.snapshots?.deleted(judged.request.snapshotId);
      options.copies?.deleted(judged.request.snapshotId);
    } else if (is(judged, "nodePublishVolume")) judgeMount(judged, volumeName, judged.request.targetPath);
    else if (is(judged, "nodeUnpublishVolume")) judgeNoMount(judged, volumeName, judged.request.targetPath);
    else if (is(judged, "nodeUnstageVolume"))
      judgeNoMount(judged, volumeName, judged.request.stagingTargetPath);
    else if (is(judged, "nodeGetInfo") && judged.answer.ok) {
      const { nodeId, maxVolumesPerNode } = judged.answer.value;
      if (nodeId !== judged.nodeName || maxVolumesPerNode <= 0n)
        wrong(
          judged.nodeName,
          `nodeGetInfo says that it is ${nodeId} and takes ${maxVolumesPerNode} volumes`,
        );
    }
  }

  /** The same name is the same volume, and two names are two. */
  function judgeCreated({ request, answer }: Judged<"createVolume">): void {
    const volume = answer.ok ? answer.value.volume : undefined;
    if (volume === undefined || volume.volumeId === "")
      return wrong(request.name, "createVolume answered without a volume");
    options.onCreated?.(volume.volumeId);
    judgeSize(request.name, request.capacityRange?.requiredBytes ?? 0n, volume.capacityBytes);
    const known = idsByName.get(request.name);
    if (known !== undefined && known !== volume.volumeId)
      wrong(request.name, `createVolume answered ${volume.volumeId}, and ${known} before`);
    for (const [name, id] of idsByName)
      if (id === volume.volumeId && name !== request.name)
        wrong(request.name, `createVolume answered the volume of ${name}`);
    idsByName.set(request.name, volume.volumeId);
    options.copies?.answered(request, volume);
    const requisite = request.accessibilityRequirements?.requisite ?? [];
    const isReachable = requisite.some((term) =>
      volume.accessibleTopology.some(({ segments }) =>
        Object.entries(segments).every(([key, value]) => term.segments[key] === value),
      ),
    );
    if (requisite.length > 0 && !isReachable)
      wrong(request.name, `createVolume made it where it can't be reached from ${JSON.stringify(requisite)}`);
  }

  /** After this response no caller deletes the disk any more. */
  function judgeDeleted({ request }: Judged<"deleteVolume">, volumeName: string): void {
    options.copies?.deleted(request.volumeId);
    if (options.isInAzure?.(request.volumeId) === true)
      wrong(volumeName, "deleteVolume succeeded, and its disk is still in Azure");
  }

  function judgeSize(volumeName: string, requiredBytes: bigint, bytes: bigint): void {
    if (bytes < requiredBytes)
      wrong(volumeName, `it has ${bytes} bytes where ${requiredBytes} were required`);
  }

  /** After this response the caller may publish the volume on another node. */
  function judgeUnpublished({ request }: Judged<"controllerUnpublishVolume">, volumeName: string): void {
    const { volumeId, nodeId } = request;
    if ((publishing.get(`${volumeId} ${nodeId}`) ?? 0) > 0) return;
    const mount = mountsOn(machineOf(nodeId)).find(
      ({ diskUri, canWrite }) => canWrite && isSameDisk(diskUri, volumeId),
    );
    if (mount !== undefined)
      wrong(
        volumeName,
        `controllerUnpublishVolume succeeded, and ${nodeId} can still write it at ${mount.path}`,
      );
  }

  function judgeMount(
    { request, machine }: Judged<"nodePublishVolume">,
    volumeName: string,
    path: string,
  ): void {
    const mount = mountsOn(machine).findLast((candidate) => candidate.path === path);
    if (mount === undefined)
      wrong(volumeName, `nodePublishVolume succeeded, and nothing is mounted at ${path}`);
    else if (!isSameDisk(mount.diskUri, request.volumeId))
      wrong(volumeName, `nodePublishVolume succeeded, and ${mount.diskUri} is mounted at ${path}`);
  }

  function judgeNoMount(
    { method, machine }: Judged<"nodeUnpublishVolume" | "nodeUnstageVolume">,
    volumeName: string,
    path: string,
  ): void {
    const isPlaceholder =
      machine?.state() !== "off" && machine?.kernel.placeholders().includes(path) === true;
    if (isPlaceholder || mountsOn(machine).some((mount) => mount.path === path))
      wrong(volumeName, `${method} succeeded, and ${path} is still mounted`);
  }
}

function is<Method extends CsiMethod, Call extends Pick<Judged<CsiMethod>, "method">>(
  call: Call,
  method: Method,
): call is Call & Pick<Judged<Method>, keyof Call & keyof Judged<Method>> {
  return call.method === method;
}

/** The node that a request names; empty: none. */
export function nodeIdOf(request: unknown): string {
  return (request as { readonly nodeId?: string }).nodeId ?? "";
}

/** A publish under way may make the node the writer again at any moment. */
function publicationOf(method: CsiMethod, request: unknown): string | undefined {
  return method === "controllerPublishVolume"
    ? `${(request as { readonly volumeId: string }).volumeId} ${nodeIdOf(request)}`
    : undefined;
}

function mountsOn(machine: SimMachine | undefined): ReturnType<SimMachine["kernel"]["mounts"]> {
  return machine?.state() === "off" ? [] : (machine?.kernel.mounts() ?? []);
}

function isSameDisk(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
