import { readFile, writeFile } from "node:fs/promises";
import type { LabHome } from "../lab-home.ts";
import type { LabNetwork } from "../lab-network.ts";
import type { LabVm } from "../lab-options.ts";
import { apiServerUrl } from "./control-plane.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { type CertificateSpec, createLabPki } from "./lab-pki.ts";

/** Clients of the API server outside of nodes, with the path of their kubeconfig below the lab's folder. */
const CLIENTS = [
  { file: "admin", subject: "CN=lab-admin, O=system:masters", kubeconfig: ["kubeconfig"] },
  {
    file: "kube-controller-manager",
    subject: "CN=system:kube-controller-manager",
    kubeconfig: ["pki", "kube-controller-manager.kubeconfig"],
  },
  {
    file: "kube-scheduler",
    subject: "CN=system:kube-scheduler",
    kubeconfig: ["pki", "kube-scheduler.kubeconfig"],
  },
] as const;

/** Writes the lab's certificates and the kubeconfigs of all clients that are not nodes. */
export async function writeCredentials(
  home: LabHome,
  network: LabNetwork,
  vms: readonly LabVm[],
): Promise<void> {
  const specs: readonly CertificateSpec[] = [
    {
      file: "control-plane",
      subject: "CN=kube-apiserver",
      addresses: [network.gateway, network.apiService, "127.0.0.1"],
      dnsNames: ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"],
    },
    { file: "apiserver-to-kubelet", subject: "CN=kube-apiserver-kubelet-client, O=system:masters" },
    ...CLIENTS.map(({ file, subject }) => ({ file, subject })),
    ...vms.map(({ name }, index) => ({
      file: name,
      subject: `CN=system:node:${name}, O=system:nodes`,
      addresses: [network.nodeAddress(index)],
      dnsNames: [name],
    })),
  ];
  await createLabPki(home.path("pki"), specs);
  const pki = (file: string): Promise<string> => readFile(home.path("pki", file), "utf8");
  const ca = await pki("ca.crt");
  for (const client of CLIENTS) {
    const [certificate, key] = await Promise.all([pki(`${client.file}.crt`), pki(`${client.file}.key`)]);
    const content = kubeconfig({
      server: apiServerUrl(network),
      clusterName: `azuredisk-${home.name}`,
      ca,
      certificate,
      key,
    });
    await writeFile(home.path(...client.kubeconfig), content, { mode: 0o600 });
  }
}
