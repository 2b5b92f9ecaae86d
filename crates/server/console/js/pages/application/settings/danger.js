/** x */
export function dangerPart() {
  return [];
}
