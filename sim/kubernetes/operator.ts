import { podNameOf, podNamesOf } from "./api/api-objects.ts";
import { type ControlPlane, deletePod } from "./controllers/control-plane.ts";
import type { SimCluster } from "./sim-cluster.ts";

/**
 * What users and operators do with kubectl: each takes effect at once. The API server silently refuses
 * what is impossible.
 */
export type Operator = Pick<
  SimCluster,
  | "apply"
  | "scale"
  | "deletePod"
  | "setUnschedulable"
  | "drain"
  | "setOutOfService"
  | "deleteNode"
  | "grow"
  | "lower"
  | "modify"
  | "snapshot"
  | "deleteSnapshot"
  | "deleteWorkload"
  | "forgetVolumeAttachment"
  | "deleteVolumeAttachment"
>;

/** An operator with an API server. */
export function createOperator(plane: Pick<ControlPlane, "api" | "trace" | "random">): Operator {
  const { api, trace, random } = plane;

  function setUnschedulable(nodeName: string, isUnschedulable: boolean): void {
    if (api.change("Node", nodeName, { isUnschedulable }))
      trace.note(nodeName, isUnschedulable ? "is cordoned" : "is uncordoned");
  }

  function podToDelete(volumeName: string, nodeName: string | undefined): string {
    const set = api.get("StatefulSet", volumeName);
    if (set === undefined || set.members === 1) return podNameOf(volumeName);
    const there = podNamesOf(set).find((name) => api.get("Pod", name)?.nodeName === nodeName);
    return there ?? podNameOf(volumeName, Math.floor(random.next() * set.members));
  }

  return {
    apply: (workload) => {
      const { volumeName: name, sizeGiB } = workload;
      if (api.get("Claim", name) === undefined) {
        const uid = random.uuid();
        api.put("Claim", {
          name,
          uid,
          workload,
          sizeGiB,
          capacityGiB: 0,
          volumeClass: undefined,
          selectedNode: undefined,
          isBound: false,
          isDeleted: false,
        });
      }
      api.put("StatefulSet", { name, pods: 1, members: workload.sharedBy ?? 1 });
      trace.note(name, `is applied: ${JSON.stringify(workload)}`);
    },
    scale: (volumeName, pods) => {
      if (api.change("StatefulSet", volumeName, { pods })) trace.note(volumeName, `is scaled to ${pods}`);
    },
    deletePod: (volumeName, { isForced, nodeName }) => {
      const pod = api.get("Pod", podToDelete(volumeName, nodeName));
      if (pod === undefined) return;
      if (!isForced) return deletePod(plane, pod.name, "an operator requested it");
      api.remove("Pod", pod.name);
      trace.note(volumeName, `pod ${pod.uid} on ${pod.nodeName ?? "no node"} is deleted by force`);
    },
    setUnschedulable,
    drain: (nodeName) => {
      setUnschedulable(nodeName, true);
      for (const pod of api.list("Pod"))
        if (pod.nodeName === nodeName) deletePod(plane, pod.name, "its node is drained");
    },
    setOutOfService: (nodeName, isOutOfService) => {
      if (api.change("Node", nodeName, { isOutOfService, isMarkedByDriver: false }))
        trace.note(nodeName, isOutOfService ? "is marked out of service" : "is in service again");
    },
    deleteNode: (nodeName) => {
      api.remove("Node", nodeName);
      trace.note(nodeName, "its Node is deleted");
    },
    grow: (volumeName, sizeGiB) => {
      const claim = api.get("Claim", volumeName);
      if (claim === undefined || !claim.isBound || claim.isDeleted || claim.sizeGiB >= sizeGiB) return;
      api.change("Claim", volumeName, { sizeGiB });
      trace.note(volumeName, `is to have ${sizeGiB} GiB`);
    },
    lower: (volumeName, sizeGiB) => {
      const claim = api.get("Claim", volumeName);
      if (claim === undefined || !claim.isBound || claim.isDeleted) return;
      if (sizeGiB <= claim.capacityGiB || sizeGiB >= claim.sizeGiB) return;
      api.change("Claim", volumeName, { sizeGiB });
      trace.note(volumeName, `is to have no more than ${sizeGiB} GiB`);
    },
    modify: (volumeName, volumeClass) => {
      const claim = api.get("Claim", volumeName);
      if (claim === undefined || !claim.isBound || claim.isDeleted) return;
      api.change("Claim", volumeName, { volumeClass });
      trace.note(volumeName, `is to be of class ${volumeClass}`);
    },
    snapshot: (name, volumeName, { location, freezeSeconds, instantAccessMinutes }) => {
      const sourceVolumeId = api.get("PersistentVolume", volumeName)?.volumeId;
      if (sourceVolumeId === undefined || api.get("VolumeSnapshot", name) !== undefined) return;
      const made = { isReady: false, isBeingCreated: false, isRefused: false, isDeleted: false };
      api.put("VolumeSnapshot", {
        name,
        sourceVolumeId,
        location,
        freezeSeconds,
        instantAccessMinutes,
        snapshotHandle: undefined,
        sizeGiB: undefined,
        ...made,
      });
      trace.note(name, `is to be made of ${volumeName}${location === undefined ? "" : ` in ${location}`}`);
    },
    deleteSnapshot: (name) => {
      if (api.change("VolumeSnapshot", name, { isDeleted: true })) trace.note(name, "is deleted by its user");
    },
    deleteWorkload: (volumeName) => {
      api.remove("StatefulSet", volumeName);
      if (api.change("Claim", volumeName, { isDeleted: true }))
        trace.note(volumeName, "its StatefulSet and its claim are deleted");
    },
    forgetVolumeAttachment: (volumeName) => {
      for (const attachment of api.list("VolumeAttachment")) {
        if (attachment.volumeName !== volumeName) continue;
        api.remove("VolumeAttachment", attachment.name);
        trace.note(volumeName, `its VolumeAttachment for ${attachment.nodeName} is deleted by hand`);
      }
    },
    deleteVolumeAttachment: (volumeName, nodeName) => {
      const attachment = api
        .list("VolumeAttachment")
        .find((other) => other.volumeName === volumeName && other.nodeName === nodeName);
      if (attachment === undefined || attachment.isDeleted || !attachment.isKeptByAttacher) return;
      api.change("VolumeAttachment", attachment.name, { isDeleted: true, error: undefined });
      trace.note(volumeName, `its VolumeAttachment for ${nodeName} is deleted by hand`);
    },
  };
}
