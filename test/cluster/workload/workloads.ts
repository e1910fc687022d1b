import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import type { JsonRequest } from "../../../testbed/lab/cluster/https-json.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { whatTheDriverKnows } from "../assert/what-the-driver-knows.ts";
import { DRIVER_OBJECTS, findObject, listObjects, readObject } from "../read-objects.ts";

/** Claims, pods and disks of a test are gone by then. */
const CLEAN_MAX_MS = 240_000;
/** What a test leaves in its namespace. */
const CLEANED_UP = [
  "/apis/apps/v1/namespaces/NAMESPACE/statefulsets",
  "/apis/apps/v1/namespaces/NAMESPACE/deployments",
  "/apis/apps/v1/namespaces/NAMESPACE/daemonsets",
  "/api/v1/namespaces/NAMESPACE/pods",
  "/api/v1/namespaces/NAMESPACE/persistentvolumeclaims",
];
const DELETE_OPTIONS = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" };
const REDIRECTION = 300;
const READY_MAX_MS = 240_000;
const EVENT_MAX_MS = 240_000;
const LOOK_EVERY_MS = 250;

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
   * Waits until the pod is Ready, also if it is deleted and created once more. It gets twice that long, to
   * be created and to be Ready; the error has the output of `kubectl describe`.
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
  const path = `/api/v1/namespaces/${namespace}`;
  const patience = { timeoutMs: READY_MAX_MS, everyMs: LOOK_EVERY_MS };
  // A namespace of that name may be terminating, in a lab that was kept.
  await waitUntil(`namespace ${namespace} to be gone`, patience, async () =>
    (await findObject(lab, path)) === undefined ? true : undefined,
  );
  await change(lab, {
    url: "/api/v1/namespaces",
    method: "POST",
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  });
  // A controller creates it; until then the API server admits no bare pod.
  await waitUntil(`the service account of ${namespace}`, patience, async () =>
    (await findObject(lab, `${path}/serviceaccounts/default`)) === undefined ? undefined : true,
  );
  await thenCleanUp(
    () => use(workloadsIn(lab, namespace)),
    () => cleanUp(lab, namespace),
  );
}

async function cleanUp(lab: Lab, namespace: string): Promise<void> {
  const collections = CLEANED_UP.map((collection) => collection.replace("NAMESPACE", namespace));
  // In this order, so that no controller replaces a deleted pod.
  for (const url of collections)
    await change(lab, { url, method: "DELETE", body: { ...DELETE_OPTIONS, gracePeriodSeconds: 1 } });
  const patience = { timeoutMs: CLEAN_MAX_MS, everyMs: LOOK_EVERY_MS };
  for (const url of collections)
    await waitUntil(`${url} to be empty`, patience, async () =>
      (await listObjects(lab, url)).length === 0 ? true : undefined,
    );
  await change(lab, { url: `/api/v1/namespaces/${namespace}`, method: "DELETE", body: DELETE_OPTIONS });
  await waitUntil(`PersistentVolumes of ${namespace} to be gone`, patience, async () => {
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

/** Changes objects without a process of kubectl. Throws if the API server refuses. */
export async function change(lab: Lab, request: JsonRequest): Promise<void> {
  const { code, body } = await lab.request(request);
  if (code >= REDIRECTION)
    throw new Error(`${request.method} ${request.url}: ${code} ${JSON.stringify(body)}`);
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
  const items = await listObjects<AzVolumeAttachment>(lab, `${DRIVER_OBJECTS}/azvolumeattachments`);
  return new Map(
    items
      .filter(({ spec }) => spec.volumeName === volumeName)
      .map((attachment) => [attachment.spec.nodeName, attachment]),
  );
}

/** Every AzVolume in the cluster. */
function listVolumes(lab: Lab): Promise<readonly AzVolume[]> {
  return listObjects<AzVolume>(lab, `${DRIVER_OBJECTS}/azvolumes`);
}

interface Pod {
  readonly spec: { readonly nodeName?: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

function workloadsIn(lab: Lab, namespace: string): Workloads {
  const core = `/api/v1/namespaces/${namespace}`;
  const eventsOf: Workloads["eventsOf"] = async (kind, name) => {
    const selector = encodeURIComponent(`involvedObject.kind=${kind},involvedObject.name=${name}`);
    const items = await listObjects<{
      readonly reason: string;
      readonly message: string;
      readonly metadata: { readonly creationTimestamp: string };
    }>(lab, `${core}/events?fieldSelector=${selector}`);
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
      // By the server: the client would first read each object and the API's schema.
      await kubectl(["apply", "--server-side", "--force-conflicts", "--filename=-"], { input: manifest });
    },
    untilReady: async (pod, timeoutMs = READY_MAX_MS) => {
      try {
        await waitUntil(
          `pod ${pod} to be Ready`,
          { timeoutMs: 2 * timeoutMs, everyMs: LOOK_EVERY_MS },
          async () => {
            const { conditions = [] } = (await findObject<Pod>(lab, `${core}/pods/${pod}`))?.status ?? {};
            return conditions.some(({ type, status }) => type === "Ready" && status === "True") || undefined;
          },
        );
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
    nodeOf: async (pod) => (await readObject<Pod>(lab, `${core}/pods/${pod}`)).spec.nodeName ?? "",
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
      const { spec: bound } = await readObject<{ readonly spec: { readonly volumeName?: string } }>(
        lab,
        `${core}/persistentvolumeclaims/${claim}`,
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
