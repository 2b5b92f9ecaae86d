//! What the caller's account on a Git host can see there.

use flowcd_model::{
    application::Provider,
    provider::{
        HostBranch, HostBranchQuery, HostOrganization, HostOrganizationQuery, HostQuery,
        HostRepository,
    },
};

use crate::{Client, Error};

impl Client {
    /// The repositories of the caller's account on a Git host.
    pub async fn list_host_repositories(
        &self,
        provider: Provider,
        query: &HostQuery,
    ) -> Result<Vec<HostRepository>, Error> {
        let path = format!("/api/{provider}/repos");
        let call = self.get("list_host_repositories", &path, query);
        self.fetch(&call).await
    }

    /// The organizations, or groups, that the caller's account belongs to.
    pub async fn list_host_organizations(
        &self,
        provider: Provider,
        query: &HostQuery,
    ) -> Result<Vec<HostOrganization>, Error> {
        let path = format!("/api/{provider}/orgs");
        let call = self.get("list_host_organizations", &path, query);
        self.fetch(&call).await
    }

    /// The repositories of an organization that the caller's account may deploy.
    pub async fn list_host_organization_repositories(
        &self,
        provider: Provider,
        query: &HostOrganizationQuery,
    ) -> Result<Vec<HostRepository>, Error> {
        let path = format!("/api/{provider}/orgRepos");
        let call = self.get("list_host_organization_repositories", &path, query);
        self.fetch(&call).await
    }

    /// The branches of a repository.
    pub async fn list_host_branches(
        &self,
        provider: Provider,
        query: &HostBranchQuery,
    ) -> Result<Vec<HostBranch>, Error> {
        let path = format!("/api/{provider}/branches");
        let call = self.get("list_host_branches", &path, query);
        self.fetch(&call).await
    }
}
