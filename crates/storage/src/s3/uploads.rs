// SPDX-License-Identifier: Apache-2.0

//! Which uploads of a bucket were begun and neither completed nor aborted.

use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use serde::Deserialize;
use url::Url;

use super::S3;
use crate::patience::Patience;
use crate::requests::{Requests, generic};
use crate::uploads::UnfinishedUpload;

/// As many as servers give at once.
const PAGE: &str = "1000";

/// One page of the answer to `ListMultipartUploads`.
///
/// Keys come as they are. To ask for them in the encoding of URLs would be a mistake:
/// SeaweedFS then says that they are encoded, and does not encode them.
#[derive(Debug, Deserialize)]
#[serde(rename = "ListMultipartUploadsResult", rename_all = "PascalCase")]
struct Page {
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
}

/// Where a page ended: the next begins behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marker {
    key: String,
    upload_id: String,
}

impl S3 {
    /// Lists the uploads of files below a prefix.
    pub(crate) async fn unfinished_uploads(
        &self,
        prefix: &Path,
    ) -> object_store::Result<Vec<UnfinishedUpload>> {
        let client = self.builder(Patience::Data).build()?;
        let requests = Requests::new(self.http(Patience::Data)?, Patience::Data);
        let (mut uploads, mut marker) = (Vec::new(), Marker::default());
        loop {
            let url = self.uploads_url(prefix, &marker)?;
            let body = requests.send(&self.bucket, || Box::pin(self.signed_get(&client, &url))).await?;
            let page = Page::decode(&body)?;
            let next = page.next(&marker)?;
            uploads.extend(page.uploads.into_iter().filter_map(|upload| upload.below(prefix)));
            match next {
                Some(next) => marker = next,
                None => return Ok(uploads),
            }
        }
    }

    async fn signed_get(&self, client: &AmazonS3, url: &Url) -> object_store::Result<HttpRequest> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url.as_str().parse().map_err(|_| generic("a URL that is no URI"))?;
        if !self.skips_signature() {
            let credential = client.credentials().get_credential().await?;
            let signer = AwsAuthorizer::new(&credential, "s3", &self.region);
            signer.with_request_payer(self.pays_requests()).authorize(&mut request, None);
        }
        Ok(request)
    }

    fn uploads_url(&self, prefix: &Path, marker: &Marker) -> object_store::Result<Url> {
        let mut url = Url::parse(&self.bucket_url()).map_err(generic)?;
        let folder = if prefix.as_ref().is_empty() { String::new() } else { format!("{prefix}/") };
        let fields =
            [("key-marker", &marker.key), ("prefix", &folder), ("upload-id-marker", &marker.upload_id)];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("max-uploads", PAGE).append_pair("uploads", "");
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        // A `+` for a space is understood in forms, and not by every server.
        url.set_query(Some(&query.finish().replace('+', "%20")));
        Ok(url)
    }
}

impl Page {
    fn decode(body: &[u8]) -> object_store::Result<Self> {
        let page = quick_xml::de::from_reader(body);
        page.map_err(|error| generic(format!("the answer is no list of uploads: {error}")))
    }

    /// Returns where the next page begins, if there is one.
    fn next(&self, last: &Marker) -> object_store::Result<Option<Marker>> {
        if !self.is_truncated {
            return Ok(None);
        }
        // Some servers give one of the two, and then want no other.
        let (key, upload_id) = (self.next_key_marker.clone(), self.next_upload_id_marker.clone());
        let next = Marker { key, upload_id };
        if next == *last || next == Marker::default() {
            return Err(generic("the list of uploads is cut off, and does not say where it goes on"));
        }
        Ok(Some(next))
    }
}

impl Upload {
    /// The upload, unless it is elsewhere or of a file that no path can name.
    fn below(self, prefix: &Path) -> Option<UnfinishedUpload> {
        let path = Path::parse(&self.key).ok().filter(|path| path.as_ref() == self.key)?;
        let is_below = path.prefix_match(prefix)?.next().is_some();
        is_below.then(|| UnfinishedUpload::new(path, self.upload_id))
    }
}

#[cfg(test)]
mod tests;
