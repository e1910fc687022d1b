import { defaultDriverName } from "../../../src/core/api/driver-name.ts";
import { fail, ok } from "../../../src/core/failure/result.ts";
import type { OwnNode } from "../../../src/ports/cluster/own-node.ts";
import { taintsOf } from "../api/api-objects.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { CallApi } from "./call-api.ts";

/** `OwnNode` of a node plug-in. Only those taints can be replaced that no field represents. */
export function createOwnNode(nodeName: string, api: ApiServer, callApi: CallApi): OwnNode {
  return {
    read: (signal) =>
      callApi(() => {
        const node = api.get("Node", nodeName);
        if (node === undefined) return undefined;
        const names = new Set([...node.volumesAttached, ...node.volumesInUse]);
        const volumeIds = [...names].flatMap((name) => api.get("PersistentVolume", name)?.volumeId ?? []);
        return { labels: node.labels, taints: taintsOf(node), isShuttingDown: false, volumeIds };
      }, signal),
    drivers: (signal) =>
      callApi(() => {
        const volumesMax = api.get("Node", nodeName)?.volumesMax;
        return volumesMax === undefined ? [] : [{ name: defaultDriverName, nodeId: nodeName, volumesMax }];
      }, signal),
    replaceTaints: async ({ from, to }, signal) => {
      const replaced = await callApi(() => {
        const node = api.get("Node", nodeName);
        if (node === undefined || JSON.stringify(taintsOf(node)) !== JSON.stringify(from)) return false;
        const removed = from.filter(({ key }) => !to.some((kept) => kept.key === key));
        return api.change("Node", nodeName, {
          otherTaints: node.otherTaints.filter(({ key }) => !removed.some((gone) => gone.key === key)),
        });
      }, signal);
      if (!replaced.ok) return replaced;
      return replaced.value
        ? ok(undefined)
        : fail({ kind: "ObjectConflict", objectKind: "Node", name: nodeName });
    },
  };
}
