/** x */
export function secretsPart() {
  return [];
}
