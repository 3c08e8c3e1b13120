//! The sandbox where the SDK looks for an HTTP client.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::{Reply, Request, Response, Sandbox};

#[derive(Clone)]
struct Connector(Sandbox);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connector").field(&self.0.account()).finish()
    }
}

pub fn http_client(sandbox: Sandbox) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(sandbox));
    http_client_fn(move |_, _| connector.clone())
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.0.clone();
        HttpConnectorFuture::new(async move {
            if let Some(latency) = sandbox.latency() {
                tokio::time::sleep(latency).await;
            }
            sandbox.answer(&Request::of(&request)?).arrive().await
        })
    }
}

impl Request {
    /// Reads a call of the SDK.
    pub fn of(request: &HttpRequest) -> Result<Self, ConnectorError> {
        let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streamed body".into()))?;
        let headers = request.headers();
        Ok(Self::read(headers.get("x-amz-target"), headers.get("authorization"), body))
    }
}

impl Reply {
    /// Returns what the SDK gets of it.
    pub async fn arrive(self) -> Result<HttpResponse, ConnectorError> {
        let broken = "the connection broke before the answer came";
        match self {
            Reply::Answer(response) => http(response),
            // Of this kind, unlike a broken connection, so that the SDK does not call again by itself.
            Reply::Lost => Err(ConnectorError::other(broken.into(), None)),
            Reply::Dropped => Err(ConnectorError::io(broken.into())),
            Reply::Never => std::future::pending().await,
        }
    }
}

fn http(response: Response) -> Result<HttpResponse, ConnectorError> {
    let status = response.status.try_into().map_err(|error| ConnectorError::user(Box::new(error)))?;
    let mut http = HttpResponse::new(status, SdkBody::from(response.body));
    http.headers_mut().insert("content-type", response.content_type);
    http.headers_mut().insert("x-amzn-requestid", response.request_id);
    Ok(http)
}
