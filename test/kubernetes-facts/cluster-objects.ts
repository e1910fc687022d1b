import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { create } from "./restricted-account.ts";

const never = new AbortController().signal;

/**
 * Creates and changes a cluster's objects, as an administrator and a kubelet would; every name begins with
 * the world's own.
 */
export interface ClusterObjects {
  readonly namespace: string;
  /** The name of this world's node or volume in the cluster. */
  nameOf(name: string): string;
  setNode(
    name: string,
    node: { readonly taints?: readonly object[]; readonly isUnschedulable?: boolean },
  ): Promise<void>;
  /**
   * A claim, bound to a PersistentVolume of the disk, unless it exists already. Returns the claim's uid.
   */
  ensureClaim(claim: string, volumeId: string): Promise<string>;
  createPod(
    name: string,
    pod: { readonly nodeName?: string; readonly claims: readonly string[]; readonly phase?: string },
  ): Promise<void>;
  /** With `graceSeconds` above 0 it stays, marked for deletion: no kubelet ends it. */
  deletePod(name: string, graceSeconds: number): Promise<void>;
}

/** In its own namespace, which the administrator creates. */
export async function createClusterObjects(admin: ApiClient, namespace: string): Promise<ClusterObjects> {
  // A controller would create it, but none runs here.
  await create(admin, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "default" } });
  const nameOf = (name: string): string => `${namespace}-${name}`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const uids = new Map<string, string>();

  async function ensureClaim(claim: string, volumeId: string): Promise<string> {
    const known = uids.get(claim);
    if (known !== undefined) return known;
    const resources = { requests: { storage: "1Gi" } };
    const spec = {
      accessModes: ["ReadWriteOnce"],
      volumeName: nameOf(claim),
      storageClassName: "",
      resources,
    };
    const made = (await create(admin, `/api/v1/namespaces/${namespace}/persistentvolumeclaims`, {
      metadata: { name: claim },
      spec,
    })) as {
      readonly metadata: { readonly uid: string };
    };
    const { uid } = made.metadata;
    uids.set(claim, uid);
    await create(admin, "/api/v1/persistentvolumes", {
      metadata: { name: nameOf(claim) },
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        csi: { driver: "disk.csi.azure.com", volumeHandle: volumeId },
        claimRef: { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name: claim, uid },
      },
    });
    return uid;
  }

  return {
    namespace,
    nameOf,
    ensureClaim,
    setNode: async (name, { taints = [], isUnschedulable = false }) => {
      const path = `/api/v1/nodes/${nameOf(name)}`;
      const spec = { taints, unschedulable: isUnschedulable };
      const present = await admin.call({ method: "GET", path }, never);
      if (present.ok && present.value.code === 404)
        await create(admin, "/api/v1/nodes", { metadata: { name: nameOf(name) }, spec });
      else
        await must(
          admin.call(
            { method: "PATCH", path, body: { spec }, contentType: "application/merge-patch+json" },
            never,
          ),
        );
    },
    createPod: async (name, { nodeName, claims, phase }) => {
      await create(admin, pods, {
        metadata: { name },
        spec: {
          ...(nodeName === undefined ? {} : { nodeName: nameOf(nodeName) }),
          containers: [{ name: "main", image: "none" }],
          volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
        },
      });
      if (phase === undefined) return;
      const status = { phase };
      await must(
        admin.call(
          {
            method: "PATCH",
            path: `${pods}/${name}/status`,
            body: { status },
            contentType: "application/merge-patch+json",
          },
          never,
        ),
      );
    },
    deletePod: async (name, graceSeconds) => {
      await must(
        admin.call(
          { method: "DELETE", path: `${pods}/${name}`, body: { gracePeriodSeconds: graceSeconds } },
          never,
        ),
      );
    },
  };
}

async function must(call: ReturnType<ApiClient["call"]>): Promise<void> {
  const answer = await call;
  if (!answer.ok || answer.value.code > 299) throw new Error(JSON.stringify(answer));
}
