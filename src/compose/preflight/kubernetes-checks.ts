import type { ApiAnswer, ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { type Finding, missing, present, unknown } from "./finding.ts";

const KINDS = ["azvolumes", "azvolumeattachments", "azdrivernodes"] as const;
const GROUP = "disk.csi.azure.com";
const VERSION = "v1";
/** The name of V1's CSIDriver, and the default of this driver's. */
const NAME_OF_V1 = "disk.csi.azure.com";
/** The roles of this driver's program: V1's has none. */
const ROLES: readonly string[] = ["controller", "node", "scheduler-extender"];
/** The release and namespace of docs/install.md: another release would be a second driver. */
const INSTALL =
  "helm upgrade --install azuredisk-csi-driver deploy/chart -n kube-system " +
  "--set image.azuredisk.repository=<registry>/azuredisk-csi-driver";
const APPLY_DEFINITIONS = "kubectl apply --server-side -f deploy/crds";

/** Reads that show whether Kubernetes is ready for the driver. Nothing is changed. */
export async function checkKubernetes(
  client: Pick<ApiClient, "call">,
  driverName: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const get = async (path: string): Promise<ApiAnswer | string> => {
    const answer = await client.call({ method: "GET", path }, signal);
    if (!answer.ok) return describeFailure(answer.failure);
    return answer.value.code === 403 ? "this account may not read it" : answer.value;
  };
  const findings: Finding[] = [];
  for (const kind of KINDS) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kind}.${GROUP}`;
    findings.push(definition(`${kind}.${GROUP}`, await get(path)));
  }
  findings.push(ownDriver(driverName, await get(`/apis/storage.k8s.io/v1/csidrivers/${driverName}`)));
  if (driverName !== NAME_OF_V1)
    findings.push(driverOfV1(await get(`/apis/storage.k8s.io/v1/csidrivers/${NAME_OF_V1}`)));
  const deployments = await get("/apis/apps/v1/deployments");
  findings.push(otherWorkloads("deployments", driverName, deployments));
  findings.push(otherWorkloads("daemonsets", driverName, await get("/apis/apps/v1/daemonsets")));
  return [...findings, ...secondScheduler(deployments, await get("/version"))];
}

function definition(name: string, answer: ApiAnswer | string): Finding {
  const check = `CustomResourceDefinition ${name}`;
  if (typeof answer === "string") return unknown(check, answer);
  if (answer.code === 404) return missing(check, "is not there", APPLY_DEFINITIONS);
  const { metadata, spec } = answer.body as Definition;
  if (metadata?.deletionTimestamp !== undefined)
    return missing(
      check,
      "is being deleted, and goes once its objects have gone",
      `docs/install.md, Uninstall, has the commands that end the deletion; then ${APPLY_DEFINITIONS}`,
    );
  const served = (spec?.versions ?? []).filter((version) => version.served).map((version) => version.name);
  return served.includes(VERSION)
    ? present(check, `serves ${VERSION}`)
    : missing(
        check,
        `serves ${served.join(", ")}, not ${VERSION}: it is of another driver`,
        `docs/install.md, Over a cluster with the V2 driver in Go, steps 2 to 4; then ${APPLY_DEFINITIONS}`,
      );
}

/** A CustomResourceDefinition, as far as the preflight reads it. */
interface Definition {
  readonly metadata?: { readonly deletionTimestamp?: string };
  readonly spec?: { readonly versions?: readonly Version[] };
}

interface Version {
  readonly name: string;
  readonly served: boolean;
}

function ownDriver(name: string, answer: ApiAnswer | string): Finding {
  const check = `CSIDriver ${name}`;
  if (typeof answer === "string") return unknown(check, answer);
  return answer.code === 404 ? missing(check, "is not there", INSTALL) : present(check, "is there");
}

function driverOfV1(answer: ApiAnswer | string): Finding {
  const check = `no other CSIDriver ${NAME_OF_V1}`;
  if (typeof answer === "string") return unknown(check, answer);
  return answer.code === 404
    ? present(check, "there is none")
    : missing(check, "another Azure disk driver is installed under that name", REMOVE_V1);
}

const REMOVE_V1 =
  "az aks update --resource-group <group> --name <cluster> --disable-disk-driver --yes, " +
  "or docs/install.md, Over a cluster with V1, step 1";

/** Workloads of another Azure disk driver: they detach from VMs what they do not know. */
function otherWorkloads(
  kind: "deployments" | "daemonsets",
  driverName: string,
  answer: ApiAnswer | string,
): Finding {
  const check = `no ${kind} of another Azure disk driver`;
  if (typeof answer === "string") return unknown(check, answer);
  const { items = [] } = answer.body as Workloads;
  const others = items
    .filter((workload) => isDiskDriver(workload, driverName) && !isOurs(workload))
    .map(({ metadata }) => metadata);
  const [first] = others;
  if (first === undefined) return present(check, "there are none");
  const names = others.map(({ namespace, name }) => `${namespace}/${name}`).join(", ");
  return missing(
    check,
    `${names}: two drivers that write to the same VMs take each other's disks off`,
    `${REMOVE_V1}, or kubectl delete --namespace ${first.namespace} ${kind} ${first.name}`,
  );
}

function isDiskDriver({ spec }: Workload, driverName: string): boolean {
  const { containers, volumes = [] } = spec.template.spec;
  const folders = [NAME_OF_V1, driverName].map((name) => `/plugins/${name}`);
  return (
    containers.some(
      ({ name, image = "" }) =>
        name === "azuredisk" || /azure-?disk-csi|azdiskschedulerextender/u.test(image),
    ) ||
    volumes.some(({ hostPath }) =>
      folders.some((folder) => hostPath?.path.replaceAll("\\", "/").replace(/\/$/u, "").endsWith(folder)),
    )
  );
}

function isOurs({ spec }: Workload): boolean {
  return spec.template.spec.containers.some(({ args: [role = ""] = [] }) => ROLES.includes(role));
}

/** A Deployment or DaemonSet, as far as the preflight reads it. */
interface Workload {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly name: string;
          readonly image?: string;
          readonly args?: readonly string[];
        }[];
        readonly volumes?: readonly { readonly hostPath?: { readonly path: string } }[];
      };
    };
  };
  /** A DaemonSet has no such count. */
  readonly status?: { readonly availableReplicas?: number };
}

interface Workloads {
  readonly items?: readonly Workload[];
}

const CHECK = "second scheduler";
/** Of a version or of an image's tag. */
const MINOR = /v1\.(\d+)\./u;

/**
 * Whether the kube-scheduler beside the scheduler extender runs, in a version that fits the API server's:
 * pods that name it get no event where it does not. Nothing without one, since it is optional.
 */
function secondScheduler(deployments: ApiAnswer | string, version: ApiAnswer | string): readonly Finding[] {
  if (typeof deployments === "string") return [unknown(CHECK, deployments)];
  const { items = [] } = deployments.body as Workloads;
  const scheduler = items.find(({ spec }) =>
    spec.template.spec.containers.some(({ args = [] }) => args[0] === "scheduler-extender"),
  );
  if (scheduler === undefined) return [];
  const { name, namespace } = scheduler.metadata;
  const { image = "" } =
    scheduler.spec.template.spec.containers.find((container) => container.name === "kube-scheduler") ?? {};
  if ((scheduler.status?.availableReplicas ?? 0) === 0)
    return [
      missing(
        CHECK,
        `no pod of ${namespace}/${name} is available (${image}): pods that name it stay Pending`,
        `kubectl --namespace ${namespace} describe pods --selector app=${name}`,
      ),
    ];
  if (typeof version === "string") return [unknown(CHECK, version)];
  const { gitVersion = "" } = version.body as { readonly gitVersion?: string };
  const [own, server] = [image, gitVersion].map((text) => MINOR.exec(text)?.[1]);
  if (own === undefined || server === undefined)
    return [unknown(CHECK, `${image} runs, and the API server is ${gitVersion}`)];
  const lag = Number(server) - Number(own);
  return [
    lag === 0 || lag === 1
      ? present(CHECK, `${image} runs`)
      : missing(
          CHECK,
          `${image} with an API server ${gitVersion}: it may be one minor version older, and not newer`,
          "helm upgrade with the release's values: it takes the cluster's version, unless " +
            "image.kubeScheduler.tag is set",
        ),
  ];
}
