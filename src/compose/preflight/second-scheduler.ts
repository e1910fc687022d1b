import type { ApiAnswer } from "../../adapters/kubernetes/api/api-client.ts";
import { type Finding, missing, present, unknown } from "./finding.ts";
import type { Workloads } from "./workload.ts";

const CHECK = "second scheduler";
/** Of a version or of an image's tag. */
const MINOR = /v1\.(\d+)\./u;

/**
 * Whether the kube-scheduler beside the scheduler extender runs, in a version that fits the API server's:
 * pods that name it get no event where it does not. Nothing without one, since it is optional.
 */
export function secondScheduler(
  deployments: ApiAnswer | string,
  version: ApiAnswer | string,
): readonly Finding[] {
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
