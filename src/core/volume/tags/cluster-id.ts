/** The form of a cluster id: a tag of each disk has it, whose value Azure limits to 256 characters. */
export const CLUSTER_ID_PATTERN = /^[-A-Za-z0-9_.]{1,63}$/u;
