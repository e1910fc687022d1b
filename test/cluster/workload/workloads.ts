import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { whatTheDriverKnows } from "../assert/what-the-driver-knows.ts";
import { listObjects, readObject } from "../read-objects.ts";

/** The namespace of the driver's objects. */
const OBJECTS = "/apis/disk.csi.azure.com/v1/namespaces/azure-disk-csi";
/** Claims, pods and disks of a test are gone by then. */
const CLEAN_MAX_MS = 240_000;
const READY_MAX_MS = 240_000;
const EVENT_MAX_MS = 240_000;

/** A test's namespace for its claims and pods. */
export interface Workloads {
  readonly lab: Lab;
  readonly namespace: string;
  /** kubectl in this namespace. Throws unless it ends with 0. */
  kubectl(
    args: readonly string[],
    options?: { readonly input?: string; readonly timeoutMs?: number },
  ): Promise<string>;
  apply(manifest: string): Promise<void>;
  /**
   * Waits until the pod is Ready, also if it is deleted and created once more. It gets that long to be
   * created, and again to be Ready; the error has the output of `kubectl describe`.
   */
  untilReady(pod: string, timeoutMs?: number): Promise<void>;
  /** Runs a shell command in a pod and returns its output without the last newline. */
  inPod(pod: string, command: string): Promise<string>;
  nodeOf(pod: string): Promise<string>;
  /** Messages of the events about an object in this namespace, oldest first, each as `Reason: message`. */
  eventsOf(kind: string, name: string): Promise<readonly string[]>;
  /** Waits for an event about an object whose `Reason: message` matches, and answers it. */
  untilEvent(kind: string, name: string, pattern: RegExp): Promise<string>;
  /** The AzVolume behind a bound claim. */
  volumeOf(claim: string): Promise<AzVolume>;
}

/**
 * Runs `use` with its own namespace, then deletes its contents, and waits until every PersistentVolume of
 * its claims is gone (except retained ones). Remaining pods get a second to end. The empty namespace
 * disappears seconds later.
 */
export async function withWorkloads(
  lab: Lab,
  namespace: string,
  use: (workloads: Workloads) => Promise<void>,
): Promise<void> {
  // A namespace of that name may be terminating, in a lab that was kept.
  await lab.kubectl(["wait", "--for=delete", `namespace/${namespace}`, `--timeout=${CLEAN_MAX_MS}ms`], {
    timeoutMs: 2 * CLEAN_MAX_MS,
  });
  await lab.kubectl(["create", "namespace", namespace]);
  // A controller creates it; until then the API server admits no bare pod.
  await waitUntil(`the service account of ${namespace}`, { timeoutMs: READY_MAX_MS }, async () =>
    (await lab.request({ url: `/api/v1/namespaces/${namespace}/serviceaccounts/default`, method: "GET" }))
      .code === 200
      ? true
      : undefined,
  );
  await thenCleanUp(
    () => use(workloadsIn(lab, namespace)),
    () => cleanUp(lab, namespace),
  );
}

async function cleanUp(lab: Lab, namespace: string): Promise<void> {
  const what = "statefulsets,deployments,daemonsets,pods,persistentvolumeclaims";
  await lab.kubectl(
    [`--namespace=${namespace}`, "delete", what, "--all", "--grace-period=1", `--timeout=${CLEAN_MAX_MS}ms`],
    { timeoutMs: 2 * CLEAN_MAX_MS },
  );
  await lab.kubectl(["delete", "namespace", namespace, "--wait=false"]);
  await waitUntil(`PersistentVolumes of ${namespace} to be gone`, { timeoutMs: CLEAN_MAX_MS }, async () => {
    const items = await listObjects<{
      readonly spec: {
        readonly claimRef?: { readonly namespace: string };
        readonly persistentVolumeReclaimPolicy: string;
      };
    }>(lab, "/api/v1/persistentvolumes");
    const left = items.filter(
      ({ spec }) => spec.claimRef?.namespace === namespace && spec.persistentVolumeReclaimPolicy === "Delete",
    );
    return left.length === 0 ? true : undefined;
  });
}

/** Runs `use` while the cluster-scoped objects of a manifest exist, such as StorageClasses. */
export async function withClusterObjects(
  lab: Lab,
  manifest: string,
  use: () => Promise<void>,
): Promise<void> {
  await lab.kubectl(["apply", "--filename=-"], { input: manifest });
  await thenCleanUp(use, async () => {
    await lab.kubectl(["delete", "--filename=-"], { input: manifest });
  });
}

/** The attachments of a volume, by node. */
export async function attachmentsOf(
  lab: Lab,
  volumeName: string,
): Promise<ReadonlyMap<string, AzVolumeAttachment>> {
  const items = await listObjects<AzVolumeAttachment>(lab, `${OBJECTS}/azvolumeattachments`);
  return new Map(
    items
      .filter(({ spec }) => spec.volumeName === volumeName)
      .map((attachment) => [attachment.spec.nodeName, attachment]),
  );
}

/** Every AzVolume in the cluster. */
function listVolumes(lab: Lab): Promise<readonly AzVolume[]> {
  return listObjects<AzVolume>(lab, `${OBJECTS}/azvolumes`);
}

function workloadsIn(lab: Lab, namespace: string): Workloads {
  const eventsOf: Workloads["eventsOf"] = async (kind, name) => {
    const selector = encodeURIComponent(`involvedObject.kind=${kind},involvedObject.name=${name}`);
    const items = await listObjects<{
      readonly reason: string;
      readonly message: string;
      readonly metadata: { readonly creationTimestamp: string };
    }>(lab, `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}`);
    const byAge = items.toSorted((left, right) =>
      left.metadata.creationTimestamp.localeCompare(right.metadata.creationTimestamp),
    );
    return byAge.map(({ reason, message }) => `${reason}: ${message}`);
  };
  const kubectl: Workloads["kubectl"] = (args, options = {}) =>
    lab.kubectl([`--namespace=${namespace}`, ...args], options);
  const volumesOf = async (pod: string): Promise<readonly string[]> => {
    const claims = await kubectl([
      "get",
      `pod/${pod}`,
      "--output=jsonpath={.spec.volumes[*].persistentVolumeClaim.claimName}",
    ]);
    if (claims === "") return [];
    const names = await kubectl([
      "get",
      "pvc",
      ...claims.split(" "),
      "--output=jsonpath={..spec.volumeName}",
    ]);
    return names.split(" ").filter((name) => name !== "");
  };
  return {
    lab,
    namespace,
    kubectl,
    apply: async (manifest) => {
      await kubectl(["apply", "--filename=-"], { input: manifest });
    },
    untilReady: async (pod, timeoutMs = READY_MAX_MS) => {
      const endMs = performance.now() + 2 * timeoutMs;
      const waitFor = (condition: string): Promise<string> => {
        const leftMs = Math.ceil(Math.max(1, Math.min(timeoutMs, endMs - performance.now())));
        return kubectl(["wait", `--for=${condition}`, `pod/${pod}`, `--timeout=${leftMs}ms`], {
          timeoutMs: 2 * timeoutMs,
        });
      };
      try {
        await waitUntil(`pod ${pod} to be Ready`, { timeoutMs: 2 * timeoutMs }, async () => {
          // A StatefulSet creates its pod only after the previous one is gone.
          await waitFor("create");
          try {
            await waitFor("condition=Ready");
            return true;
          } catch (error) {
            // It was deleted in between, and is created once more.
            if (String(error).includes("NotFound")) return undefined;
            throw error;
          }
        });
      } catch (error) {
        const known = await volumesOf(pod).then((names) => whatTheDriverKnows(lab, names), String);
        throw new Error(
          `pod ${pod} is not Ready:\n${await kubectl(["describe", `pod/${pod}`]).catch(String)}\n${known}`,
          { cause: error },
        );
      }
    },
    inPod: async (pod, command) =>
      (await kubectl(["exec", pod, "--", "sh", "-c", command])).replace(/\n$/u, ""),
    nodeOf: async (pod) => kubectl(["get", `pod/${pod}`, "--output=jsonpath={.spec.nodeName}"]),
    eventsOf,
    untilEvent: async (kind, name, pattern) => {
      let seen: readonly string[] = [];
      try {
        return await waitUntil(
          `an event of ${name} that says ${pattern}`,
          { timeoutMs: EVENT_MAX_MS },
          async () => {
            seen = await eventsOf(kind, name);
            return seen.find((event) => pattern.test(event));
          },
        );
      } catch (error) {
        throw new Error(`events of ${kind} ${name}:\n${seen.join("\n")}`, { cause: error });
      }
    },
    volumeOf: async (claim) => {
      const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`;
      const { spec: bound } = await readObject<{ readonly spec: { readonly volumeName?: string } }>(
        lab,
        path,
      );
      const name = bound.volumeName ?? "";
      const volume = (await listVolumes(lab)).find(({ spec }) => spec.volumeName === name);
      if (volume === undefined)
        throw new Error(
          `claim ${namespace}/${claim} has no AzVolume: its PersistentVolume is ${JSON.stringify(name)}`,
        );
      return volume;
    },
  };
}
