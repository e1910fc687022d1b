import { podNamesOf } from "./api/api-objects.ts";
import type { ApiServer } from "./api/api-server.ts";
import type { BegunClasses } from "./sidecars/modify-controller.ts";

/** What Kubernetes still waits for, a sentence each. */
export function unfinishedIn(api: ApiServer, begunClasses: BegunClasses): readonly string[] {
  const pods = api.list("StatefulSet").flatMap((set) =>
    podNamesOf(set).flatMap((name) => {
      const pod = api.get("Pod", name);
      if (set.pods === 0) return pod === undefined ? [] : [`pod ${pod.name} is still there`];
      if (pod === undefined) return [`pod ${name} is not made yet`];
      if (pod.isDeleted) return [`pod ${pod.name} on ${pod.nodeName ?? "no node"} is still being deleted`];
      return pod.isReady ? [] : [`pod ${pod.name} on ${pod.nodeName ?? "no node"} does not run`];
    }),
  );
  const claims = api.list("Claim").flatMap(({ name, uid, isDeleted, volumeClass: requested }) => {
    if (isDeleted) return [`claim ${name} is still being deleted`];
    const isApplied = requested === api.get("PersistentVolume", name)?.volumeClass;
    return !begunClasses.has(uid) && (requested === undefined || isApplied)
      ? []
      : [`claim ${name} waits for its class`];
  });
  const volumes = api
    .list("PersistentVolume")
    .flatMap(({ name, claimUid }) =>
      api.get("Claim", name)?.uid === claimUid ? [] : [`volume ${name} is still being deleted`],
    );
  const attachments = api
    .list("VolumeAttachment")
    .flatMap(({ name, isAttached, isDeleted, volumeName, nodeName, error }) => {
      const isUsed = api
        .list("Pod")
        .some((pod) => pod.volumeName === volumeName && pod.nodeName === nodeName);
      // A deletion is never withdrawn: an attachment whose pod returned before its end stays in deletion
      // for as long as that pod runs.
      if (isDeleted && isUsed) return [];
      if (isDeleted || !isUsed)
        return [`VolumeAttachment ${name} is still there${error === undefined ? "" : `: ${error}`}`];
      return isAttached
        ? []
        : [`VolumeAttachment ${name} is not attached${error === undefined ? "" : `: ${error}`}`];
    });
  const nodes = api
    .list("Node")
    .flatMap(({ name, isReady }) => (isReady ? [] : [`node ${name} is not ready`]));
  return [...pods, ...claims, ...volumes, ...attachments, ...nodes];
}
