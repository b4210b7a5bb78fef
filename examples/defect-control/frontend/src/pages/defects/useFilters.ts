import { useSearchParams } from "react-router";

import { readFilters, readSort, toParameters, toQuery, writeSort, type Filters, type Sort } from "../../domain/filters";

/** The list's filters, order and page as the address has them. */
export function useFilters() {
  const [parameters, setParameters] = useSearchParams();
  const filters = readFilters(parameters);
  const sort = readSort(parameters.get("sort"));
  const page = Math.max(1, Math.trunc(Number(parameters.get("page"))) || 1);

  const put = (next: { filters?: Filters; sort?: Sort; page?: number }) => {
    const changed = toParameters(toQuery(next.filters ?? filters));
    const order = writeSort(next.sort ?? sort);
    if (order !== "-updated_at") changed.set("sort", order);
    if (next.page && next.page > 1) changed.set("page", String(next.page));
    setParameters(changed, { replace: next.page === undefined });
  };

  return {
    filters,
    sort,
    page,
    search: parameters.toString(),
    setFilters: (changed: Filters, order?: Sort) => put({ filters: changed, ...(order && { sort: order }) }),
    setSort: (changed: Sort) => put({ sort: changed }),
    setPage: (changed: number) => put({ page: changed }),
  };
}
