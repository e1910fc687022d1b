/** How a client reaches the API server, and as whom. */
export interface KubeconfigSpec {
  readonly server: string;
  readonly clusterName: string;
  /** PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A kubeconfig that stands for itself: it names no other file. JSON, which is YAML, too. */
export function kubeconfig({ server, clusterName, ca, certificate, key }: KubeconfigSpec): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: clusterName, cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [
      {
        name: clusterName,
        user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
      },
    ],
    contexts: [{ name: clusterName, context: { cluster: clusterName, user: clusterName } }],
    "current-context": clusterName,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
