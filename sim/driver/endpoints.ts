import type {
  ControllerExpandVolumeRequest,
  ControllerExpandVolumeResponse,
  ControllerModifyVolumeRequest,
  ControllerModifyVolumeResponse,
  ControllerPublishVolumeRequest,
  ControllerPublishVolumeResponse,
  ControllerUnpublishVolumeRequest,
  ControllerUnpublishVolumeResponse,
  CreateSnapshotRequest,
  CreateSnapshotResponse,
  CreateVolumeRequest,
  CreateVolumeResponse,
  DeleteSnapshotRequest,
  DeleteSnapshotResponse,
  DeleteVolumeRequest,
  DeleteVolumeResponse,
  NodeExpandVolumeRequest,
  NodeExpandVolumeResponse,
  NodeGetInfoRequest,
  NodeGetInfoResponse,
  NodePublishVolumeRequest,
  NodePublishVolumeResponse,
  NodeStageVolumeRequest,
  NodeStageVolumeResponse,
  NodeUnpublishVolumeRequest,
  NodeUnpublishVolumeResponse,
  NodeUnstageVolumeRequest,
  NodeUnstageVolumeResponse,
} from "../../src/csi/gen/csi/v1/csi.ts";

/**
 * The response to a CSI caller. A plug-in that dies or is paused during the call answers `UNAVAILABLE`, or
 * `DEADLINE_EXCEEDED` at the caller's own deadline.
 */
export type CsiAnswer<Response> =
  | { readonly ok: true; readonly value: Response }
  /** `code` is gRPC's name of the code, such as `FAILED_PRECONDITION`. */
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * One call: the caller stops waiting after `timeoutMs` of its own time, or when its `signal` is aborted
 * (the caller died); the plug-in then sees its call cancelled.
 */
export type CsiCall<Request, Response> = (
  request: Request,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<CsiAnswer<Response>>;

/** CSI's controller service as its sidecars call it. */
export interface ControllerCsi {
  readonly createVolume: CsiCall<CreateVolumeRequest, CreateVolumeResponse>;
  readonly deleteVolume: CsiCall<DeleteVolumeRequest, DeleteVolumeResponse>;
  readonly controllerPublishVolume: CsiCall<ControllerPublishVolumeRequest, ControllerPublishVolumeResponse>;
  readonly controllerUnpublishVolume: CsiCall<
    ControllerUnpublishVolumeRequest,
    ControllerUnpublishVolumeResponse
  >;
  readonly controllerExpandVolume: CsiCall<ControllerExpandVolumeRequest, ControllerExpandVolumeResponse>;
  readonly controllerModifyVolume: CsiCall<ControllerModifyVolumeRequest, ControllerModifyVolumeResponse>;
  readonly createSnapshot: CsiCall<CreateSnapshotRequest, CreateSnapshotResponse>;
  readonly deleteSnapshot: CsiCall<DeleteSnapshotRequest, DeleteSnapshotResponse>;
}

/** CSI's node service as a kubelet calls it. */
export interface NodeCsi {
  readonly nodeStageVolume: CsiCall<NodeStageVolumeRequest, NodeStageVolumeResponse>;
  readonly nodeUnstageVolume: CsiCall<NodeUnstageVolumeRequest, NodeUnstageVolumeResponse>;
  readonly nodePublishVolume: CsiCall<NodePublishVolumeRequest, NodePublishVolumeResponse>;
  readonly nodeUnpublishVolume: CsiCall<NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse>;
  readonly nodeExpandVolume: CsiCall<NodeExpandVolumeRequest, NodeExpandVolumeResponse>;
  readonly nodeGetInfo: CsiCall<NodeGetInfoRequest, NodeGetInfoResponse>;
}

/** The simulated Kubernetes' only connection to the driver. */
export interface DriverEndpoints {
  /** The controller replica whose sidecars lead now; undefined while none runs. */
  controller(): ControllerCsi | undefined;
  /** The plug-in on a node; undefined while none runs there. */
  node(nodeName: string): NodeCsi | undefined;
}
